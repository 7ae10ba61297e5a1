import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Objects;
import org.apache.avro.AvroTypeException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.message.BinaryMessageDecoder;

/**
 * What Java's Avro makes of the lines of interop_pairs: the writer's fingerprint, whether the
 * reader can read all that the writer writes, each datum as a single-object message, and the
 * datum as the reader sees it. What Java does otherwise than the specification is marked (1) to
 * (5) and stands in README.md. The exit status is 1 at the first difference.
 */
public class Compare {
    static long pairs, readable, data, resolved, refused, lenient, stricter, failed;
    static Schema writer, reader;
    static byte[] fingerprint;
    static boolean all;

    static void different(String what) {
        throw new IllegalStateException(what);
    }

    static void pair(String verdict, String wrote, String reads, String print) {
        writer = new Schema.Parser().parse(wrote);
        reader = new Schema.Parser().setValidateDefaults(false).parse(reads); // (1)
        fingerprint = HexFormat.of().parseHex(print);
        all = verdict.equals("yes");
        long theirs = SchemaNormalization.parsingFingerprint64(writer);
        if (theirs != ByteBuffer.wrap(fingerprint).order(ByteOrder.LITTLE_ENDIAN).getLong())
            different("another fingerprint");
        SchemaCompatibilityType type =
            SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType();
        if (all != (type == SchemaCompatibilityType.COMPATIBLE))
            different("Java says " + type);
        pairs++;
        readable += all ? 1 : 0;
    }

    static Object read(byte[] datum, Schema wrote, Schema reads) throws Exception {
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(datum, null);
        Object value = new GenericDatumReader<Object>(wrote, reads).read(null, decoder);
        if (!decoder.isEnd())
            different("bytes are left over");
        return value;
    }

    static void datum(byte[] datum, String answer) throws Exception {
        data++;
        Object value = read(datum, writer, writer);
        ByteBuffer message = ByteBuffer.allocate(10 + datum.length);
        message.put((byte) 0xc3).put((byte) 0x01).put(fingerprint).put(datum).flip();
        Object decoded = new BinaryMessageDecoder<Object>(GenericData.get(), writer).decode(message);
        if (!Objects.equals(value, decoded))
            different("the single-object message says " + decoded);
        boolean ours = !answer.startsWith("!");
        Object seen;
        try {
            seen = read(datum, writer, reader);
        } catch (AvroTypeException refusal) {
            String why = refusal.getMessage();
            boolean known = why.contains("missing required field") // (2)
                || why.endsWith("expecting union"); // (4)
            if (ours && !known)
                different("Java refuses: " + why);
            stricter += ours ? 1 : 0;
            refused += ours ? 0 : 1;
            return;
        }
        if (!ours) { // (5)
            if (all && !answer.contains("not UTF-8") && !answer.contains("over a limit"))
                different("we refuse, though all can be read");
            lenient++;
            return;
        }
        Object got = read(HexFormat.of().parseHex(answer), reader, reader);
        if (!Objects.equals(seen, got))
            different("Java sees " + seen + ", and in our answer " + got);
        resolved++;
    }

    public static void main(String[] args) throws Exception {
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String last = "";
        for (String line; (line = lines.readLine()) != null;) {
            String[] columns = line.split("\t", -1);
            try {
                if (columns[0].equals("P")) {
                    last = line;
                    pair(columns[2], columns[3], columns[4], columns[5]);
                } else {
                    datum(HexFormat.of().parseHex(columns[1]), columns[3]);
                }
            } catch (NullPointerException failure) { // (3)
                failed++;
            } catch (Exception difference) {
                System.err.println(last + "\n" + line + "\n" + difference);
                System.exit(1);
            }
        }
        if (failed * 50 > data)
            different("Java fails too often to say anything: " + failed);
        System.out.printf("{\"pairs\": %d, \"readable\": %d, \"data\": %d, \"resolved\": %d, "
            + "\"refused\": %d, \"lenient\": %d, \"stricter\": %d, \"failed\": %d}%n",
            pairs, readable, data, resolved, refused, lenient, stricter, failed);
    }
}
