#!/bin/sh
# websockets ends a connection on which messages keep coming, if its reader is slower than the other end.
#
# Its keepalive waits `ping_timeout` for a pong. While a reader has not taken what has come, the library reads nothing further from
# the socket, so the pong lies behind all that the kernel and the other end have buffered. A reader that takes messages all the
# time, but needs longer than `ping_timeout` for these, is told "keepalive ping timeout" (1011), as if the other end were gone.
#
# Seen with websockets 17.4 (here with shorter times): thousands of messages were read, the last a moment before the end.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check websockets==17.4
cat > "$folder/finding.py" <<'PYTHON'
import asyncio
import time
from importlib.metadata import version

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def flood(connection):
    try:
        while True:
            await connection.send(b"x" * 500)
    except ConnectionClosed:
        pass


async def main():
    async with serve(flood, "127.0.0.1", 0, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", ping_interval=0.5, ping_timeout=1.0) as client:
            num_read = longest = 0
            last = time.monotonic()
            try:
                async with asyncio.timeout(120):
                    while True:
                        await client.recv()
                        now = time.monotonic()
                        num_read, longest, last = num_read + 1, max(longest, now - last), now
                        await asyncio.sleep(0.002)
            except ConnectionClosed as error:
                closed = str(error)
    print("websockets", version("websockets"))
    print(f"{num_read} messages read, never more than {longest:.3f} s apart; then: {closed}")
    assert "keepalive ping timeout" in closed, "another end"
    assert num_read > 100
    assert longest < 1.0, "this machine gave the reader no time: try again"


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
