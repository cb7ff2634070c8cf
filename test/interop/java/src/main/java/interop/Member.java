package interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.shardingsphere.elasticjob.infra.handler.sharding.JobInstance;
import org.apache.shardingsphere.elasticjob.infra.yaml.YamlEngine;
import org.apache.shardingsphere.elasticjob.lite.internal.snapshot.SnapshotService;

/**
 * A process of ElasticJob that does what it is told, by one JSON object per line of its standard input: a command with a
 * number, which is answered on the standard output with the same number. Commands do not wait for each other. It ends
 * at once when its input does.
 */
public final class Member {
    private final Connection connection;

    private final Jobs jobs;

    private final Settings settings;

    private Lifecycle lifecycle;

    private Member(final Settings settings) {
        this.settings = settings;
        connection = new Connection(settings);
        jobs = new Jobs(connection.center());
    }

    public static void main(final String[] args) throws Exception {
        // What libraries print must not get between the messages.
        System.setOut(System.err);
        Settings settings = Settings.parse(args[0]);
        settings.assumeAddress();
        Member member = new Member(settings);
        Output.tell("ready", "instanceId", new JobInstance().getJobInstanceId());
        member.obey();
        Runtime.getRuntime().halt(0);
    }

    private void obey() throws Exception {
        ExecutorService commands = Executors.newCachedThreadPool();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonObject command = JsonParser.parseString(line).getAsJsonObject();
            commands.execute(() -> answer(command));
        }
    }

    private void answer(final JsonObject command) {
        int number = command.get("number").getAsInt();
        try {
            Output.tell("answer", "number", number, "value", perform(command.get("command").getAsString(), command.getAsJsonObject("arguments")));
            // Whatever went wrong is for the test to judge.
        } catch (final Throwable ex) {
            Output.tell("answer", "number", number, "error", ex.toString());
        }
    }

    private Object perform(final String command, final JsonObject arguments) throws Exception {
        switch (command) {
            case "start" -> jobs.start(arguments);
            case "execute" -> jobs.execute(arguments.get("job").getAsString());
            case "shutdown" -> jobs.shutdown(arguments.get("job").getAsString());
            case "behave" -> ReportingJob.behave(arguments.get("job").getAsString(), behaviour(arguments));
            case "release" -> ReportingJob.release(arguments.get("job").getAsString());
            case "lifecycle" -> {
                return lifecycle().call(arguments.get("method").getAsString(), arguments);
            }
            case "session" -> {
                return connection.sessionId();
            }
            case "expire" -> connection.expire();
            case "enterLatch" -> connection.enterLatch(arguments.get("path").getAsString());
            case "leaveLatch" -> connection.leaveLatch(arguments.get("path").getAsString());
            case "awaitMethod" -> awaitMethod(arguments.get("thread").getAsString(), arguments.get("method").getAsString());
            case "readInstance" -> {
                return YamlEngine.unmarshal(arguments.get("text").getAsString(), JobInstance.class);
            }
            case "serveDumps" -> new SnapshotService(connection.center(), arguments.get("port").getAsInt()).listen();
            case "exit" -> new Thread(() -> System.exit(0)).start();
            default -> throw new IllegalArgumentException("there is no command " + command);
        }
        return null;
    }

    /** Returns once a thread of this name is in a method of this name: ElasticJob tells nobody that it waits. */
    private static void awaitMethod(final String thread, final String method) throws InterruptedException {
        while (Thread.getAllStackTraces().entrySet().stream().noneMatch(
                each -> each.getKey().getName().equals(thread) && Arrays.stream(each.getValue()).anyMatch(frame -> frame.getMethodName().equals(method)))) {
            Thread.sleep(10);
        }
    }

    private static Behaviour behaviour(final JsonObject arguments) {
        Set<Integer> failing = new HashSet<>();
        arguments.getAsJsonArray("fail").forEach(item -> failing.add(item.getAsInt()));
        return new Behaviour(arguments.get("sleepMs").getAsLong(), failing, arguments.get("hold").getAsBoolean());
    }

    /** Made when it is first needed: it opens sessions of its own. */
    private synchronized Lifecycle lifecycle() {
        if (lifecycle == null) {
            lifecycle = new Lifecycle(settings);
        }
        return lifecycle;
    }
}
