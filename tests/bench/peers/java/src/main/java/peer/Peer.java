package peer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Kafka Streams as a peer of the benchmark: {@code Peer JOB FOLDER} reads FOLDER/peer.properties, which has the
 * topics and every setting of Kafka Streams, and runs until SIGTERM.
 */
public final class Peer {
    /** The workload's time is that of 2023: nothing may be deleted for its age. */
    static final Map<String, String> CHANGELOG = Map.of("retention.ms", "-1");

    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        Properties facts = new Properties();
        try (var reader = Files.newBufferedReader(Path.of(arguments[1], "peer.properties"))) {
            facts.load(reader);
        }
        KafkaStreams streams = new KafkaStreams(Jobs.topology(arguments[0], facts), facts);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        CountDownLatch ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            System.out.println("state: " + now);
            if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) ended.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
    }
}
