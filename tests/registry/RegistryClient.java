import io.confluent.kafka.schemaregistry.ParsedSchema;
import io.confluent.kafka.schemaregistry.avro.AvroSchema;
import io.confluent.kafka.schemaregistry.avro.AvroSchemaProvider;
import io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import io.confluent.kafka.schemaregistry.client.rest.entities.SchemaReference;
import io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException;
import io.confluent.kafka.serializers.KafkaAvroDeserializer;
import io.confluent.kafka.serializers.KafkaAvroSerializer;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** What Confluent's Java client and Avro serializer say of a registry, a line a step. */
public class RegistryClient {
    static final String ID = "{\"name\":\"id\",\"type\":\"long\"}";
    static final String USER = "{\"type\":\"record\",\"name\":\"User\",\"fields\":[" + ID + "]}";
    static final String WITH_NAME = USER.replace(ID, ID + ",{\"name\":\"name\",\"type\":\"string\",\"default\":\"\"}");
    static final String OF_TEXT = USER.replace("long", "string");
    static final String HOME = "{\"type\":\"record\",\"name\":\"Home\",\"fields\":[{\"name\":\"owner\",\"type\":\"User\"}]}";

    interface Step { Object run() throws Exception; }

    static String url;

    static void say(String name, Step step) throws Exception {
        try {
            System.out.println(name + " = " + step.run());
        } catch (RestClientException error) {
            System.out.println(name + " refused " + error.getStatus() + " " + error.getErrorCode());
        }
    }

    static CachedSchemaRegistryClient client() {
        return new CachedSchemaRegistryClient(List.of(url), 100, List.of(new AvroSchemaProvider()), Map.of());
    }

    static byte[] written(GenericRecord record) {
        try (KafkaAvroSerializer serializer = new KafkaAvroSerializer(client())) {
            serializer.configure(Map.of("schema.registry.url", url), false);
            return serializer.serialize("topic", record);
        }
    }

    static Object read(byte[] data) {
        try (KafkaAvroDeserializer deserializer = new KafkaAvroDeserializer(client())) {
            return deserializer.deserialize("topic", data);
        }
    }

    static GenericRecord user(String text, Object id) {
        GenericRecord record = new GenericData.Record(new Schema.Parser().parse(text));
        record.put("id", id);
        if (record.getSchema().getField("name") != null) {
            record.put("name", "b");
        }
        return record;
    }

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        CachedSchemaRegistryClient client = client();
        say("register", () -> client.register("user", new AvroSchema(USER)));
        say("reuse", () -> client().register("user", new AvroSchema(USER)));
        say("evolve", () -> client.register("user", new AvroSchema(WITH_NAME)));
        say("incompatible", () -> client.register("user", new AvroSchema(OF_TEXT)));
        say("compatible", () -> client.testCompatibility("user", new AvroSchema(WITH_NAME)));
        say("not compatible", () -> client.testCompatibility("user", new AvroSchema(OF_TEXT)));
        say("why", () -> client.testCompatibilityVerbose("user", new AvroSchema(OF_TEXT)).isEmpty());
        say("versions", () -> client.getAllVersions("user"));
        say("version", () -> client.getVersion("user", new AvroSchema(WITH_NAME)));
        say("id", () -> client().getId("user", new AvroSchema(USER)));
        say("text", () -> client().getSchemaById(1).canonicalString().equals(new AvroSchema(USER).canonicalString()));
        say("in a context", () -> client.register(":.team:user", new AvroSchema(OF_TEXT)));
        say("read there", () -> client().getSchemaBySubjectAndId(":.team:user", 1).canonicalString().contains("string"));
        say("as before", () -> client().getSchemaById(1).canonicalString().contains("string"));
        say("latest", () -> client.getLatestSchemaMetadata("user").getVersion());
        say("round trip", () -> read(written(user(WITH_NAME, 7L))));
        say("refused by the serializer", () -> {
            try {
                return written(user(WITH_NAME.replace(",\"default\":\"\"", "").replace("long", "string"), "x"));
            } catch (org.apache.kafka.common.errors.SerializationException error) {
                if (error.getCause() instanceof RestClientException refused) {
                    return refused.getStatus();
                }
                throw error;
            }
        });
        List<SchemaReference> references = List.of(new SchemaReference("User", "user", 2));
        ParsedSchema home = new AvroSchema(HOME, references, Map.of("User", WITH_NAME), null);
        say("reference", () -> client.register("home", home));
        say("read with references", () -> client().getSchemaById(client.getId("home", home)).references());
        say("referenced", () -> client.deleteSchemaVersion("user", "2", false));
        say("level", () -> client.updateCompatibility("user", "NONE") + " " + client.getCompatibility("user"));
        say("anything goes", () -> client.register("user", new AvroSchema(OF_TEXT)));
        say("no level", () -> client.getCompatibility("nobody"));
        say("mode", () -> client.setMode("READONLY", "home") + " " + client.getMode("home"));
        say("read only", () -> client.deleteSubject("home", false));
        say("writable", () -> client.setMode("READWRITE", "home"));
        say("delete", () -> client.deleteSubject("home", false));
        say("subjects", () -> client.getAllSubjects());
        say("by prefix", () -> client.getAllSubjectsByPrefix("us"));
        say("where", () -> client.getAllVersionsById(1));
        say("for good", () -> client.deleteSubject("home", true));
        say("gone", () -> client().getAllVersions("home"));
        say("no id", () -> client().getSchemaById(99));
    }
}
