// A SOFARPC server of sofa-rpc-node: node sofa_server.js PORT; prints "ready".
const net = require('net');
const { server: { RpcServer } } = require('sofa-rpc-node');

// It listens on every interface otherwise.
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (port, ...more) {
  return listen.call(this, port, '127.0.0.1', ...more);
};

const quiet = { info() {}, debug() {}, warn() {}, error: console.error };
const server = new RpcServer({ logger: quiet, port: Number(process.argv[2]) });
server.addService({ interfaceName: 'com.example.Calculator' }, {
  async plus(a, b) { return a + b; },
  async echo(text) { return text; },
  async fail() { throw new Error('on purpose'); },
});
server.start().then(() => console.log('ready'));
