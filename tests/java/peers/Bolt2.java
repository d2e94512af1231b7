package peers;

import com.alipay.remoting.BizContext;
import com.alipay.remoting.InvokeContext;
import com.alipay.remoting.rpc.RpcClient;
import com.alipay.remoting.rpc.RpcServer;
import com.alipay.remoting.rpc.protocol.SyncUserProcessor;
import java.io.Serializable;
import java.util.concurrent.atomic.AtomicReference;

/** SOFABolt itself with its second version, and checksums if wanted; SOFARPC speaks the first. */
final class Bolt2 {
    private final RpcClient client = new RpcClient();

    Bolt2() {
        client.startup();
    }

    /** A request: what to do, and with what. */
    static final class Order implements Serializable {
        private static final long serialVersionUID = 1L;
        private final String name;
        private final String text;

        Order(String name, String text) {
            this.name = name;
            this.text = text;
        }
    }

    static void serve(int port) {
        AtomicReference<String> noted = new AtomicReference<>("");
        RpcServer server = new RpcServer("127.0.0.1", port);
        server.registerUserProcessor(
            new SyncUserProcessor<Order>() {
                @Override
                public Object handleRequest(BizContext context, Order order) throws Exception {
                    switch (order.name) {
                        case "hello":
                            return "Hello " + order.text;
                        case "echo":
                            return order.text;
                        case "note":
                            noted.set(order.text);
                            return null;
                        case "noted":
                            return noted.get();
                        default:
                            throw new IllegalStateException("cannot " + order.name);
                    }
                }

                @Override
                public String interest() {
                    return Order.class.getName();
                }
            });
        server.startup();
    }

    /** Calls the port; "crc": frames have a checksum. */
    String call(boolean crc, String port, String name, String text) throws Exception {
        String address = "127.0.0.1:" + port + "?_PROTOCOL=2&_VERSION=" + (crc ? 2 : 1);
        InvokeContext context = new InvokeContext();
        context.put(InvokeContext.BOLT_CRC_SWITCH, crc);
        if (name.equals("note")) {
            client.oneway(address, new Order(name, text), context);
            return "sent";
        }
        if (name.equals("large")) {
            String content = "\u9510x".repeat(Integer.parseInt(text) / 4);
            Object echo = client.invokeSync(address, new Order("echo", content), context, 5000);
            return content.equals(echo) ? "same" : "different";
        }
        return (String) client.invokeSync(address, new Order(name, text), context, 5000);
    }
}
