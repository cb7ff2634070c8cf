package interop;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** What this process tells whoever started it: one JSON object per line of the standard output. */
final class Output {
    static final Gson GSON = new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private static final PrintStream LINES = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private Output() {
    }

    /** Tells an event: its kind, when, and its fields as names and values in turn. */
    static void tell(final String kind, final Object... fields) {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("kind", kind);
        message.put("at", System.currentTimeMillis());
        for (int index = 0; index < fields.length; index += 2) {
            message.put((String) fields[index], fields[index + 1]);
        }
        // One call, so that lines of several threads do not mix.
        LINES.println(GSON.toJson(message));
    }
}
