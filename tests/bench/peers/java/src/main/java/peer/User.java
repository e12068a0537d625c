package peer;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** What orders are joined to. In its topic it is a Debezium envelope, in the table it is packed. */
record User(String country, long tier, long createdAt) {

    static Serde<User> serde() {
        return Serdes.serdeFrom((topic, user) -> pack(user), (topic, bytes) -> unpack(bytes));
    }

    private static byte[] pack(User user) {
        if (user == null) return null;
        byte[] country = user.country.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(17 + country.length).put((byte) 0);
        return bytes.putLong(user.tier).putLong(user.createdAt).put(country).array();
    }

    private static User unpack(byte[] bytes) {
        if (bytes == null || bytes[0] != 0) return bytes == null ? null : read(bytes);
        ByteBuffer held = ByteBuffer.wrap(bytes, 1, 16);
        long tier = held.getLong();
        return new User(new String(bytes, 17, bytes.length - 17, StandardCharsets.UTF_8), tier, held.getLong());
    }

    private static User read(byte[] envelope) {
        try (JsonParser parser = Order.JSON.createParser(envelope)) {
            User user = null;
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean isRow = parser.currentName().equals("after");
                parser.nextToken();
                if (isRow && parser.currentToken() == JsonToken.START_OBJECT) user = readRow(parser);
                else parser.skipChildren();
            }
            return user;
        } catch (IOException noJson) {
            return null;
        }
    }

    private static User readRow(JsonParser parser) throws IOException {
        long customer = -1, tier = 0, createdAt = Long.MIN_VALUE;
        String country = "";
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String column = parser.currentName();
            JsonToken type = parser.nextToken();
            boolean isInteger = type == JsonToken.VALUE_NUMBER_INT;
            switch (column) {
                case "customer_id" -> customer = isInteger ? parser.getLongValue() : -1;
                case "tier" -> tier = isInteger ? parser.getLongValue() : 0;
                case "created_at" -> createdAt = isInteger ? parser.getLongValue() : Long.MIN_VALUE;
                case "country" -> country = type == JsonToken.VALUE_STRING ? parser.getText() : "";
                default -> parser.skipChildren();
            }
        }
        boolean isValid = customer >= 0 && tier >= 1 && country.length() == 2 && createdAt != Long.MIN_VALUE;
        return isValid ? new User(country, tier, createdAt) : null;
    }

    /** When the user was made. */
    static final class EventTime implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            return record.value() == null ? Math.max(partitionTime, 0) : ((User) record.value()).createdAt;
        }
    }
}
