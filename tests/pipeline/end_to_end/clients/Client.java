import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Produces values, or prints that many from a group: produce BROKERS TOPIC VALUE..., consume BROKERS TOPIC GROUP PROTOCOL NUMBER. */
public class Client {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[1]);
        if (arguments[0].equals("produce")) {
            try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
                for (int i = 3; i < arguments.length; i++) {
                    producer.send(new ProducerRecord<>(arguments[2], "key", arguments[i])).get();
                }
            }
            return;
        }
        settings.put("group.id", arguments[3]);
        settings.put("group.protocol", arguments[4]);
        settings.put("auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(arguments[2]));
            for (int left = Integer.parseInt(arguments[5]); left > 0; ) {
                for (var record : consumer.poll(Duration.ofMillis(500))) {
                    System.out.println(record.value());
                    left--;
                }
            }
        }
    }
}
