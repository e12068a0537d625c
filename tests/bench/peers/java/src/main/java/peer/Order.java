package peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * An order that honours its contract. The contract's checks are written by hand on Jackson's tokens: cheaper than any
 * JSON Schema validator for Java, all of which want a tree first.
 */
final class Order {
    static final JsonFactory JSON = new JsonFactory();
    private static final Pattern EMAIL = Pattern.compile("[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*");
    private static final Set<String> STATUSES = Set.of("new", "paid", "shipped");
    private static final int ALL_COLUMNS = 0b1111111;

    long id;
    long customerId;
    String email;
    BigDecimal amount;
    String status;
    long createdAt;
    long lsn;

    /** The row after the change of a Debezium envelope; null where it breaks its contract. */
    static Order read(byte[] envelope) throws IOException {
        Order order = null;
        try (JsonParser parser = JSON.createParser(envelope)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) return null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean isRow = parser.currentName().equals("after");
                parser.nextToken();
                if (isRow && parser.currentToken() == JsonToken.START_OBJECT) order = readRow(parser);
                else parser.skipChildren();
            }
        }
        return order;
    }

    private static Order readRow(JsonParser parser) throws IOException {
        Order order = new Order();
        int valid = 0;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String column = parser.currentName();
            JsonToken type = parser.nextToken();
            switch (column) {
                case "id" -> valid |= (order.id = integer(parser, type)) >= 1 ? 1 : 0;
                case "customer_id" -> valid |= (order.customerId = integer(parser, type)) >= 0 ? 2 : 0;
                case "email" -> valid |= isEmail(order.email = text(parser, type)) ? 4 : 0;
                case "amount" -> valid |= isPositive(order.amount = decimal(parser, type)) ? 8 : 0;
                case "status" -> valid |= STATUSES.contains(order.status = text(parser, type)) ? 16 : 0;
                case "created_at" -> valid |= (order.createdAt = integer(parser, type)) != Long.MIN_VALUE ? 32 : 0;
                case "lsn" -> valid |= (order.lsn = integer(parser, type)) >= 0 ? 64 : 0;
                default -> parser.skipChildren();
            }
        }
        return valid == ALL_COLUMNS ? order : null;
    }

    private static long integer(JsonParser parser, JsonToken type) throws IOException {
        if (type == JsonToken.VALUE_NUMBER_INT) return parser.getLongValue();
        parser.skipChildren();
        return Long.MIN_VALUE;
    }

    private static String text(JsonParser parser, JsonToken type) throws IOException {
        if (type == JsonToken.VALUE_STRING) return parser.getText();
        parser.skipChildren();
        return "";
    }

    private static BigDecimal decimal(JsonParser parser, JsonToken type) throws IOException {
        if (type.isNumeric()) return parser.getDecimalValue();
        parser.skipChildren();
        return null;
    }

    private static boolean isEmail(String email) {
        return email.length() <= 254 && EMAIL.matcher(email).matches();
    }

    private static boolean isPositive(BigDecimal amount) {
        return amount != null && amount.signum() >= 0;
    }

    /** The row as JSON, with what is attached to it. */
    byte[] write(Attached attached) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(320);
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            json.writeNumberField("id", id);
            json.writeNumberField("customer_id", customerId);
            json.writeStringField("email", email);
            json.writeNumberField("amount", amount);
            json.writeStringField("status", status);
            json.writeNumberField("created_at", createdAt);
            json.writeNumberField("lsn", lsn);
            attached.write(json);
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return bytes.toByteArray();
    }

    /** Further columns. */
    interface Attached {
        void write(JsonGenerator json) throws IOException;
    }
}
