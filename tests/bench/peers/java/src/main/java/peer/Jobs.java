package peer;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.WindowStore;

/** The topologies of the three jobs. */
final class Jobs {
    private static final Serde<byte[]> BYTES = Serdes.ByteArray();
    private static final Produced<byte[], byte[]> AS_BYTES = Produced.with(BYTES, BYTES);
    private static final Duration MINUTE = Duration.ofMillis(Sums.MINUTE_MS);
    private static final long PRODUCTS = 1_000;

    private Jobs() {}

    static Topology topology(String job, Properties facts) {
        StreamsBuilder builder = new StreamsBuilder();
        switch (job) {
            case "W" -> {
                return sums(facts);
            }
            case "W2" -> totals(distinct(builder, facts), facts.getProperty("out"));
            case "W3" -> joined(builder, facts);
            default -> throw new IllegalArgumentException(job);
        }
        return builder.build(facts);
    }

    private static Topology sums(Properties facts) {
        var bytes = BYTES.serializer();
        return new Topology()
                .addSource(AutoOffsetReset.earliest(), "orders", new Change.EventTime(), BYTES.deserializer(), new Change.Decoder(),
                        facts.getProperty("orders"))
                .addProcessor("sums", Sums::new, "orders")
                .addStateStore(Seen.builder(), "sums")
                .addStateStore(Sums.builder(), "sums")
                .addSink("enriched", facts.getProperty("out"), bytes, bytes, "sums")
                .addSink("dead", facts.getProperty("dead"), bytes, bytes, "sums");
    }

    /** Valid orders, each once; what is invalid goes to the dead letters. */
    private static KStream<byte[], Order> distinct(StreamsBuilder builder, Properties facts) {
        Serde<Change> changes = Serdes.serdeFrom((topic, change) -> change.bytes(), new Change.Decoder());
        Consumed<byte[], Change> consumed =
                Consumed.with(BYTES, changes).withTimestampExtractor(new Change.EventTime());
        KStream<byte[], Change> orders = builder.stream(facts.getProperty("orders"), consumed);
        builder.addStateStore(Seen.builder());
        orders.filter((key, change) -> change.order() == null)
                .mapValues(Change::bytes)
                .to(facts.getProperty("dead"), AS_BYTES);
        return orders.filter((key, change) -> change.order() != null).processValues(Distinct::new, Seen.NAME);
    }

    /**
     * W2. Of an order only the amount travels. The grace is an hour, not 5 s: Kafka Streams has one stream time for
     * all that comes out of the repartition topic, and drops as late what one source partition is behind another.
     */
    private static void totals(KStream<byte[], Order> orders, String out) {
        Materialized<Long, Total, WindowStore<Bytes, byte[]>> held = Materialized.as(Sums.NAME);
        orders.map((key, order) -> KeyValue.pair(order.id % PRODUCTS, order.amount))
                .groupByKey(Grouped.with("by-product", Serdes.Long(), amounts()))
                .windowedBy(TimeWindows.ofSizeAndGrace(MINUTE, Duration.ofHours(1)))
                .aggregate(() -> Total.NONE, (product, amount, total) -> total.plus(amount),
                        held.withKeySerde(Serdes.Long()).withValueSerde(Total.serde())
                                .withLoggingEnabled(Peer.CHANGELOG).withCachingEnabled())
                .toStream()
                .map(Jobs::published)
                .to(out, AS_BYTES);
    }

    private static Serde<BigDecimal> amounts() {
        return Serdes.serdeFrom(
                (topic, amount) -> {
                    byte[] digits = amount.unscaledValue().toByteArray();
                    return ByteBuffer.allocate(4 + digits.length).putInt(amount.scale()).put(digits).array();
                },
                (topic, bytes) -> new BigDecimal(
                        new BigInteger(bytes, 4, bytes.length - 4), ByteBuffer.wrap(bytes).getInt()));
    }

    private static KeyValue<byte[], byte[]> published(Windowed<Long> window, Total total) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
        try (JsonGenerator json = Order.JSON.createGenerator(bytes)) {
            json.writeStartObject();
            json.writeNumberField("product", window.key());
            json.writeNumberField("window_start", window.window().start());
            json.writeNumberField("orders", total.orders());
            json.writeNumberField("revenue", total.revenue());
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        byte[] key = ("{\"product\":" + window.key() + "}").getBytes(StandardCharsets.UTF_8);
        return KeyValue.pair(key, bytes.toByteArray());
    }

    private static void joined(StreamsBuilder builder, Properties facts) {
        KTable<byte[], User> users = builder.table(
                facts.getProperty("users"),
                Consumed.with(BYTES, User.serde()).withTimestampExtractor(new User.EventTime()));
        distinct(builder, facts)
                .leftJoin(users, Jobs::withUser)
                .to(facts.getProperty("out"), AS_BYTES);
    }

    private static byte[] withUser(Order order, User user) {
        return order.write(json -> {
            json.writeStringField("country", user == null ? null : user.country());
            if (user == null) json.writeNullField("tier");
            else json.writeNumberField("tier", user.tier());
        });
    }
}
