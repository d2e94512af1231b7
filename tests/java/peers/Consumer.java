package peers;

import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.config.MethodConfig;
import com.alipay.sofa.rpc.common.RpcConfigs;
import com.alipay.sofa.rpc.common.RpcOptions;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;

/** Calls {@link Greeter}: reads "FRAMEWORK PORT CALL [ARGUMENT...]" lines, answers each with one. */
public final class Consumer {
    private static final int TIMEOUT = 10000;
    /** 127.0.0.1 as Dubbo takes it: what looks like a loopback address it replaces by another one. */
    private static final String LOOPBACK = "dubbo://2130706433:";
    private final Map<String, Greeter> greeters = new HashMap<>();
    private final Map<String, Runnable> closers = new HashMap<>();
    private final Bolt2 bolt2 = new Bolt2();

    public static void main(String[] arguments) throws Exception {
        RpcConfigs.putValue(RpcOptions.INVOKE_BAGGAGE_ENABLE, true);
        DubboBootstrap.getInstance().application(Provider.application("consumer"));
        BufferedReader input =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Consumer consumer = new Consumer();
        System.out.println("= ready");
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            System.out.println("= " + consumer.answer(line.split(" ")).replace("\n", " "));
        }
        Runtime.getRuntime().halt(0);
    }

    private String answer(String[] words) {
        String key = words[0] + words[1];
        if (words[2].equals("close")) {
            closers.remove(key).run();
            greeters.remove(key);
            return "closed";
        }
        try {
            if (words[0].startsWith("bolt2")) {
                String text = words.length > 3 ? words[3] : "";
                return bolt2.call(words[0].endsWith("crc"), words[1], words[2], text);
            }
            return call(greeter(key, words[0], words[1]), words);
        } catch (Throwable error) {
            StringBuilder text = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                text.append(cause.getClass().getName()).append(": ").append(cause.getMessage()).append(" <- ");
            }
            return text.toString();
        } finally {
            RpcInvokeContext.removeContext();
            RpcContext.removeClientAttachment();
        }
    }

    private String call(Greeter greeter, String[] words) throws Exception {
        boolean sofa = words[0].startsWith("sofa");
        switch (words[2]) {
            case "types":
                return types(greeter);
            case "hello":
                return greeter.sayHello(words[3]);
            case "fail":
                return greeter.fail(words.length > 3 ? words[3] : "");
            case "slow":
                limit(sofa, Integer.parseInt(words[4]));
                return greeter.slow(Integer.parseInt(words[3]));
            case "many":
                return many(greeter, Integer.parseInt(words[3]), Integer.parseInt(words[4]));
            case "large":
                byte[] content = new byte[Integer.parseInt(words[3])];
                new Random(1).nextBytes(content);
                return Arrays.equals(content, greeter.echo(content)) ? "same" : "different";
            case "note":
                greeter.note(words[3]);
                return "sent";
            case "noted":
                return greeter.noted();
            case "attachment":
                attach(sofa, words[3], words[4]);
                return greeter.attachment(words[3]);
            default:
                throw new IllegalArgumentException(words[2]);
        }
    }

    private static String types(Greeter greeter) {
        Person parent = new Person("\u9510", 60, "\ud83d\ude00", null);
        List<Person> people = new ArrayList<>();
        for (int number = 0; number < 10; number++) {
            people.add(new Person("p" + number, number, number % 2 == 0 ? "even" : "odd", parent));
        }
        Map<String, List<Person>> found = greeter.byCity(people, true, 2.5);
        Person older = greeter.birthday(new Person("a", 41, "here", parent));
        return String.join(
            "|",
            greeter.sayHello("\u9510 \ud83d\ude00"),
            String.valueOf(greeter.add(-1, 1L << 40)),
            older.getAge() + older.getParent().getName(),
            found.keySet().toString(),
            String.valueOf(found.get("odd").get(0).getAge()),
            found.get("even").get(0).getParent().getCity());
    }

    private static String many(Greeter greeter, int calls, int threads) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Callable<Boolean>> tasks = new ArrayList<>();
            for (int number = 0; number < calls; number++) {
                String name = "n" + number;
                tasks.add(() -> greeter.sayHello(name).equals("Hello " + name));
            }
            int right = 0;
            for (Future<Boolean> done : pool.invokeAll(tasks)) {
                right += done.get() ? 1 : 0;
            }
            return String.valueOf(right);
        } finally {
            pool.shutdown();
        }
    }

    private static void limit(boolean sofa, int milliseconds) {
        if (sofa) {
            RpcInvokeContext.getContext().setTimeout(milliseconds);
        } else {
            RpcContext.getClientAttachment().setObjectAttachment("timeout", milliseconds);
        }
    }

    private static void attach(boolean sofa, String key, String value) {
        if (sofa) {
            RpcInvokeContext.getContext().putRequestBaggage(key, value);
        } else {
            RpcContext.getClientAttachment().setAttachment(key, value);
        }
    }

    private Greeter greeter(String key, String framework, String port) {
        if (!greeters.containsKey(key)) {
            greeters.put(
                key, framework.equals("sofa") ? sofa(key, port) : dubbo(key, framework, port));
        }
        return greeters.get(key);
    }

    private Greeter sofa(String key, String port) {
        MethodConfig note = new MethodConfig().setName("note").setInvokeType("oneway");
        ConsumerConfig<Greeter> configuration = new ConsumerConfig<Greeter>()
            .setInterfaceId(Greeter.class.getName())
            .setDirectUrl("bolt://127.0.0.1:" + port)
            .setProtocol("bolt").setTimeout(TIMEOUT).setRegister(false)
            .setMethods(List.of(note)).setRetries(0);
        closers.put(key, configuration::unRefer);
        return configuration.refer();
    }

    private Greeter dubbo(String key, String framework, String port) {
        org.apache.dubbo.config.MethodConfig note = new org.apache.dubbo.config.MethodConfig();
        note.setName("note");
        note.setReturn(false);
        ReferenceConfig<Greeter> reference = new ReferenceConfig<>();
        reference.setInterface(Greeter.class);
        reference.setVersion("1.0.0");
        reference.setGroup("test");
        reference.setMethods(List.of(note));
        reference.setTimeout(TIMEOUT);
        reference.setRetries(0);
        reference.setCheck(false);
        String form = framework.equals("dubbo-fastjson2") ? "fastjson2" : "hessian2";
        reference.setUrl(
            LOOPBACK + port + "?heartbeat=500&prefer.serialization=" + form
                + "&serialization=" + form);
        closers.put(key, reference::destroy);
        return reference.get();
    }
}
