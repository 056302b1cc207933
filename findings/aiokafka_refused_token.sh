#!/usr/bin/env bash
# aiokafka takes a refused token for a success: it logs "Authenticated via OAUTHBEARER", and a producer starts.
#
# With OAUTHBEARER a server says why it refuses a token in an ordinary challenge, with error code 0, and fails the exchange
# once the client has answered that with one byte, 0x01 (RFC 7628, section 3.2.2; Apache Kafka does so). aiokafka takes the
# challenge for the end. Its next request, for metadata, gets Kafka's answer for a client that is not authenticated, which lists no
# broker, and then the connection closes; a producer starts all the same, as if the cluster were empty. So nothing tells an
# expired token from a broker that is away. librdkafka, on the same server, tells the server's own reason.
#
# The server here is a fake of forty lines that answers as Apache Kafka 4.3 was seen to; nothing else is ours.
# Seen with aiokafka 0.14.0:        INFO Authenticated via OAUTHBEARER, and start() returns
# Seen with confluent-kafka 2.16.0: SASL authentication error: {"status":"invalid_token"}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0 confluent-kafka==2.16.0
cat > "$folder/show.py" <<'PYTHON'
import asyncio, importlib.metadata, logging, struct, sys, time

from aiokafka import AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from confluent_kafka import Producer

REASON = b'{"status":"invalid_token"}'
METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 3, 17, 18, 36
answered = {}  # by client: the kind of request that came after its first refusal


def text(value):
    return struct.pack(">h", len(value)) + value


async def serve(reader, writer):
    """Refuse every token as Apache Kafka does, then close."""
    num_exchanges = 0
    try:
        while True:
            frame = await reader.readexactly(struct.unpack(">i", await reader.readexactly(4))[0])
            key, version, correlation, length = struct.unpack(">hhih", frame[:10])
            client = frame[10 : 10 + length].decode()
            if key == VERSIONS and version > 0:  # "too new": then clients ask in version 0, and get that answer
                body = struct.pack(">hi", 35, 1) + struct.pack(">hhh", VERSIONS, 0, 0)
            elif key == VERSIONS:
                served = [(VERSIONS, 0, 0), (HANDSHAKE, 0, 1), (AUTHENTICATE, 0, 0), (METADATA, 0, 1)]
                body = struct.pack(">hi", 0, len(served)) + b"".join(struct.pack(">hhh", *one) for one in served)
            elif key == HANDSHAKE:
                body = struct.pack(">hi", 0, 1) + text(b"OAUTHBEARER")
            elif key == AUTHENTICATE and num_exchanges == 0:
                num_exchanges = 1  # no error yet: the reason travels in the challenge
                body = struct.pack(">hh", 0, -1) + struct.pack(">i", len(REASON)) + REASON
            elif key == AUTHENTICATE:
                answered.setdefault(client, key)
                body = struct.pack(">h", 58) + text(REASON) + struct.pack(">i", 0)
            else:
                answered.setdefault(client, key)
                body = struct.pack(">iii", 0, -1, 0)  # metadata: no broker, no controller, no topic
            writer.write(struct.pack(">ii", len(body) + 4, correlation) + body)
            if client in answered:
                return
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


class Tokens(AbstractTokenProvider):
    async def token(self):
        return "expired"


def librdkafka_says(port):
    errors = []
    producer = Producer({
        "bootstrap.servers": f"127.0.0.1:{port}", "client.id": "librdkafka", "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "OAUTHBEARER", "oauth_cb": lambda _: ("expired", time.time() + 300, "me", {}),
        "error_cb": lambda error: errors.append(error.str()), "logger": logging.getLogger("librdkafka"),
    })
    end = time.monotonic() + 20
    while not errors and time.monotonic() < end:
        producer.poll(0.2)
    return next((error for error in errors if "invalid_token" in error), str(errors))


async def main():
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("aiokafka.conn").addHandler(handler)
    logging.getLogger("aiokafka.conn").setLevel(logging.INFO)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    producer = AIOKafkaProducer(
        bootstrap_servers=f"127.0.0.1:{port}", client_id="aiokafka", security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER", sasl_oauth_token_provider=Tokens(),
    )
    try:
        await producer.start()
        outcome = "start() returns"
    except Exception as error:
        outcome = repr(error)
    finally:
        await producer.stop()
    other = await asyncio.to_thread(librdkafka_says, port)
    server.close()
    print("aiokafka", importlib.metadata.version("aiokafka"), "logs:", lines[:1], "and", outcome)
    print("confluent-kafka", importlib.metadata.version("confluent-kafka"), "says:", other)
    assert "Authenticated via OAUTHBEARER" in lines, "aiokafka no longer logs success"
    assert outcome == "start() returns", "a producer of aiokafka no longer starts"
    assert answered == {"aiokafka": METADATA, "librdkafka": AUTHENTICATE}, f"the exchange differs: {answered}"
    assert "invalid_token" in other, "librdkafka does not tell the reason here"


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
