package peers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** The service; attachments are looked up as the framework in front of it does. */
public class Greetings implements Greeter {
    private final Function<String, String> attachments;
    private volatile String noted = "";

    public Greetings(Function<String, String> attachments) {
        this.attachments = attachments;
    }

    @Override
    public String sayHello(String name) {
        return "Hello " + name;
    }

    @Override
    public long add(int left, long right) {
        return left + right;
    }

    @Override
    public Person birthday(Person person) {
        return new Person(person.getName(), person.getAge() + 1, person.getCity(), person.getParent());
    }

    @Override
    public Map<String, List<Person>> byCity(List<Person> people, boolean reversed, double factor) {
        Map<String, List<Person>> found = new TreeMap<>();
        for (Person person : people) {
            found.computeIfAbsent(person.getCity(), city -> new ArrayList<>()).add(person);
            person.setAge((int) (person.getAge() * factor));
        }
        if (reversed) {
            found.values().forEach(Collections::reverse);
        }
        return found;
    }

    @Override
    public byte[] echo(byte[] content) {
        return content;
    }

    @Override
    public String fail(String text) throws Refusal {
        if (text.isEmpty()) {
            throw new IllegalStateException("nothing to refuse");
        }
        throw new Refusal(text);
    }

    @Override
    public String slow(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return "slept";
    }

    @Override
    public void note(String text) {
        noted = text;
    }

    @Override
    public String noted() {
        return noted;
    }

    @Override
    public String attachment(String key) {
        return String.valueOf(attachments.apply(key));
    }
}
