"""A fake: an LLM server as a process of its own, over real HTTP, that answers at random and misbehaves on request.

No two answers are alike, so a post that is asked about and alerted twice is noticed: the alerts differ.
`python -m tests.chaos.llm_server --port PORT --seed SEED`; POST /faults sets `Faults`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from pipeline.llm.grammar import PROBE_WORD
from tests.pipeline.llm.fake_llm import MODEL, Reply, completion, failure

_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")
_FIRST = ("Severe", "Sudden", "Deadly", "Major", "Large", "Violent", "Rapid", "Heavy", "Fatal", "Wild")
_SECOND = ("harbour", "factory", "forest", "bridge", "market", "school", "station", "power", "water", "road")
_THIRD = (
    "fire",
    "flood",
    "outage",
    "collapse",
    "protest",
    "closure",
    "accident",
    "strike",
    "rescue",
    "alarm",
)
_SECOND_THEME_RATE = 0.25  # share of requests whose samples differ, so that one of them has to be selected
_GARBAGE = (
    b"<html>Bad Gateway</html>",
    b"\xff\xfe\x00",
    b"",
    b"[]",
    b"{}",
    b'{"choices": []}',
    b'{"choices": [{"message": {"content": "Fire: At',
    b'{"choices": [{"message": {"content": null}}]}',
    b'{"choices": [{"message": {"content": "\xf0\x9f\x94\xa5 I cannot help with that."}}]}',
)


@dataclass(frozen=True)
class Faults:
    """The faults of the server's answers to chat requests; the list of models is always correct."""

    delay_seconds: float = 0.0
    error_rate: float = 0.0  # share of requests that are answered with status 500
    garbage_rate: float = 0.0  # share of requests that are answered with status 200 and nonsense
    is_misconfigured: bool = False  # whether every request is refused, as by a server without a chat template


class LlmServer:
    """The fake's state and its three routes."""

    def __init__(self, seed: int) -> None:
        self.faults = Faults()
        self._random = random.Random(seed)

    def app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/faults", self._set_faults)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": MODEL}]})

    async def _set_faults(self, request: web.Request) -> web.Response:
        self.faults = Faults(**await request.json())
        return web.json_response(asdict(self.faults))

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.faults.delay_seconds:
            await asyncio.sleep(self.faults.delay_seconds)
        reply = self._choose_reply(body)
        return web.Response(status=reply.status, body=reply.body, content_type="application/json")

    def _choose_reply(self, body: dict[str, Any]) -> Reply:
        if self.faults.is_misconfigured:
            return failure(400, kind="invalid_request_error")
        fate = self._random.random()
        if fate < self.faults.error_rate:
            return failure(500)
        if fate < self.faults.error_rate + self.faults.garbage_rate:
            return Reply(body=self._random.choice(_GARBAGE))
        return completion(answers(body.get("grammar"), body.get("n", 1), self._random))


def answers(grammar: str | None, number: int, chance: random.Random) -> list[str]:
    """Return random answers that the grammar allows: a number, the probe's word, or `theme: entity`."""
    if grammar is None:
        return ["Hello."] * number
    literals = [_unescape(literal) for literal in _LITERAL.findall(grammar.rpartition("::=")[2])]
    if grammar.count("::=") == 1:
        return [chance.choice(literals or [PROBE_WORD])] * number
    texts = [f"{_theme(chance)}: {chance.choice(literals)}"] * number
    if number > 1 and chance.random() < _SECOND_THEME_RATE:
        texts[-1] = f"{_theme(chance)}: {chance.choice(literals)}"
    return texts


def _theme(chance: random.Random) -> str:
    return " ".join(chance.choice(words) for words in (_FIRST, _SECOND, _THIRD))


def _unescape(literal: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), literal)


async def _serve(port: int, seed: int) -> None:
    runner = web.AppRunner(LlmServer(seed).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.seed))


if __name__ == "__main__":
    _main()
