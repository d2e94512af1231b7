// A SOFARPC client of sofa-rpc-node: node sofa_client.js PORT; prints what its calls return.
const { client: { RpcClient } } = require('sofa-rpc-node');

const quiet = { info() {}, debug() {}, warn() {}, error: console.error };
const options = { responseTimeout: 10000 };

async function main() {
  const consumer = new RpcClient({ logger: quiet }).createConsumer({
    interfaceName: 'com.example.Calculator',
    serverHost: `bolt://127.0.0.1:${process.argv[2]}`,
  });
  await consumer.ready();
  const numbers = [...Array(50).keys()];
  const sums = await Promise.all(numbers.map(n => consumer.invoke('plus', [n, 1], options)));
  console.log(sums.join(' '));
  const text = await consumer.invoke('echo', ['锐'.repeat(100000)], options);
  console.log(text.length);
  await consumer.invoke('fail', [], options).catch(error => console.log(error.message));
  process.exit(0);
}

main().catch(error => { console.error(error); process.exit(1); });
