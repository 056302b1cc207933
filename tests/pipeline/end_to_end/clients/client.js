// Produces values, or prints that many from a group: produce BROKERS TOPIC VALUE..., consume BROKERS TOPIC GROUP PROTOCOL NUMBER.
const { Kafka, Partitioners, logLevel } = require("kafkajs");

const [mode, brokers, topic, ...rest] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.ERROR });

async function produce() {
  for (const options of [{}, { idempotent: true }]) {
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });
    await producer.connect();
    // The first half as it is by default, the second by an idempotent producer.
    const half = Math.ceil(rest.length / 2);
    const values = options.idempotent ? rest.slice(half) : rest.slice(0, half);
    await producer.send({ topic, acks: -1, messages: values.map((value) => ({ key: "key", value })) });
    await producer.disconnect();
  }
}

async function consume() {
  const [groupId, , number] = rest;
  const consumer = kafka.consumer({ groupId });
  let left = Number(number);
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        console.log(message.value.toString());
        if (--left === 0) resolve();
      },
    });
  });
  await consumer.disconnect();
}

(mode === "produce" ? produce() : consume()).then(
  () => process.exit(0),
  (error) => { console.error(error); process.exit(1); },
);
