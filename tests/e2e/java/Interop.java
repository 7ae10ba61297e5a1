import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonEncoder;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Java's own Avro and Kafka, as any service would use them; what interop.py is in Python.
 *
 * <pre>Interop SERVERS TOPIC SCHEMA read         prints key, tab, Avro's JSON encoding
 * Interop SERVERS TOPIC SCHEMA write FILE   writes lines of the same form</pre>
 */
public final class Interop {
    private final Schema schema;
    private final Map<String, Object> settings;
    private final String topic;

    private Interop(String servers, String topic, Schema schema) {
        this.schema = schema;
        this.topic = topic;
        settings = Map.of("bootstrap.servers", servers);
    }

    private void read() throws Exception {
        BinaryMessageDecoder<GenericRecord> decoder =
                new BinaryMessageDecoder<>(GenericData.get(), schema);
        try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(
                settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> places = consumer.partitionsFor(topic).stream()
                    .map(p -> new TopicPartition(topic, p.partition()))
                    .collect(Collectors.toList());
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            consumer.assign(places);
            consumer.seekToBeginning(places);
            while (places.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    if (record.key() != null && record.value() != null) {
                        print(record.key(), decoder.decode(record.value()));
                    }
                }
            }
        }
    }

    private void print(String key, GenericRecord value) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        JsonEncoder encoder = EncoderFactory.get().jsonEncoder(schema, out);
        new GenericDatumWriter<GenericRecord>(schema).write(value, encoder);
        encoder.flush();
        System.out.write((key + "\t" + out.toString(StandardCharsets.UTF_8) + "\n")
                .getBytes(StandardCharsets.UTF_8));
    }

    private void write(Path file) throws Exception {
        BinaryMessageEncoder<GenericRecord> encoder =
                new BinaryMessageEncoder<>(GenericData.get(), schema);
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
        try (KafkaProducer<String, byte[]> producer = new KafkaProducer<>(
                settings, new StringSerializer(), new ByteArraySerializer())) {
            for (String line : Files.readAllLines(file)) {
                String[] parts = line.split("\t", 2);
                GenericRecord value = reader.read(
                        null, DecoderFactory.get().jsonDecoder(schema, parts[1]));
                var bytes = encoder.encode(value);
                byte[] copy = new byte[bytes.remaining()];
                bytes.get(copy);
                producer.send(new ProducerRecord<>(topic, parts[0], copy));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Schema schema = new Schema.Parser().parse(Path.of(arguments[2]).toFile());
        Interop interop = new Interop(arguments[0], arguments[1], schema);
        if (arguments[3].equals("read")) {
            interop.read();
        } else {
            interop.write(Path.of(arguments[4]));
        }
        System.out.flush();
    }
}
