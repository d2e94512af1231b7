package peers;

import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;
import com.alipay.sofa.rpc.common.RpcConfigs;
import com.alipay.sofa.rpc.common.RpcOptions;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;

/** Serves {@link Greeter}: SOFARPC, Dubbo and SOFABolt, each on a port; ends with its input. */
public final class Provider {
    private Provider() {}

    public static void main(String[] arguments) throws Exception {
        sofa(Integer.parseInt(arguments[0]));
        dubbo(Integer.parseInt(arguments[1]));
        Bolt2.serve(Integer.parseInt(arguments[2]));
        System.out.println("= ready");
        while (System.in.read() >= 0) {
            continue;
        }
        Runtime.getRuntime().halt(0);
    }

    private static void sofa(int port) {
        RpcConfigs.putValue(RpcOptions.INVOKE_BAGGAGE_ENABLE, true);
        ServerConfig server = new ServerConfig()
            .setProtocol("bolt").setHost("127.0.0.1").setPort(port).setDaemon(true);
        new ProviderConfig<Greeter>()
            .setInterfaceId(Greeter.class.getName())
            .setRef(new Greetings(key -> RpcInvokeContext.getContext().getRequestBaggage(key)))
            .setServer(server).setRegister(false)
            .export();
    }

    private static void dubbo(int port) {
        ServiceConfig<Greeter> service = new ServiceConfig<>();
        service.setInterface(Greeter.class);
        service.setVersion("1.0.0");
        service.setGroup("test");
        service.setRef(new Greetings(key -> RpcContext.getServerAttachment().getAttachment(key)));
        ProtocolConfig protocol = new ProtocolConfig("dubbo", port);
        protocol.setHost("127.0.0.1");
        DubboBootstrap.getInstance()
            .application(application("provider"))
            .registry(new RegistryConfig("N/A"))
            .protocol(protocol).service(service).start();
    }

    static ApplicationConfig application(String name) {
        ApplicationConfig application = new ApplicationConfig(name);
        application.setQosEnable(false);
        application.setParameters(Map.of("metadata-type", "local"));
        return application;
    }
}
