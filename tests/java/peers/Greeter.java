package peers;

import java.util.List;
import java.util.Map;

/** What both frameworks serve. */
public interface Greeter {
    String sayHello(String name);

    long add(int left, long right);

    Person birthday(Person person);

    Map<String, List<Person>> byCity(List<Person> people, boolean reversed, double factor);

    byte[] echo(byte[] content);

    String fail(String text) throws Refusal;

    String slow(int milliseconds);

    void note(String text);

    String noted();

    String attachment(String key);
}
