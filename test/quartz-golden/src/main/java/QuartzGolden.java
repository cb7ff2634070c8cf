import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.time.Instant;
import java.util.Date;
import java.util.TimeZone;
import java.util.stream.Collectors;
import org.quartz.CronExpression;

/**
 * Asks the real Quartz. The first argument names a file of questions, one a line, the fields separated by "|":
 *
 * <pre>expression|time zone|ISO instant|count</pre>
 *
 * The second one names the file to write: an array of JSON objects, each a question with the fires that Quartz computes
 * one after the other from the instant on ("fires"), or with "rejected": true if Quartz does not parse the expression,
 * or with "breaks": true if Quartz parses it and then fails to compute a fire. Fires after 2099 are left out: Quartz
 * searches for a hundred years from today, and the file should not change with the day it is made on.
 * Empty lines and lines that begin with "#" are passed over.
 */
public final class QuartzGolden {

    private static final Date END = Date.from(Instant.parse("2100-01-01T00:00:00Z"));

    public static void main(final String[] args) throws IOException {
        String answers = Files.readAllLines(Path.of(args[0])).stream()
                .filter(line -> !line.isBlank() && !line.startsWith("#"))
                .map(line -> answer(line.split("\\|", -1)))
                .collect(Collectors.joining(",\n", "[\n", "\n]\n"));
        Files.writeString(Path.of(args[1]), answers);
    }

    private static String answer(final String[] question) {
        int count = Integer.parseInt(question[3]);
        String head = String.format("{\"cron\":\"%s\",\"timeZone\":\"%s\",\"after\":\"%s\",\"count\":%d,",
                question[0], question[1], question[2], count);
        try {
            CronExpression expression = new CronExpression(question[0]);
            expression.setTimeZone(TimeZone.getTimeZone(question[1]));
            return head + "\"fires\":[" + fires(expression, Instant.parse(question[2]), count) + "]}";
        } catch (ParseException ex) {
            return head + "\"rejected\":true}";
        } catch (RuntimeException ex) {
            return head + "\"breaks\":true}";
        }
    }

    private static String fires(final CronExpression expression, final Instant after, final int count) {
        StringBuilder result = new StringBuilder();
        Date fire = expression.getTimeAfter(Date.from(after));
        for (int i = 0; i < count && fire != null && fire.before(END); i++) {
            result.append(i == 0 ? "" : ",").append('"').append(fire.toInstant()).append('"');
            fire = expression.getTimeAfter(fire);
        }
        return result.toString();
    }
}
