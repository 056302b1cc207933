"""A double of X's filtered stream and its rules, as docs.x.com describes them."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.pipeline.sources.live.doubles.http_double import HttpDouble, Listeners

TOKEN = "x-secret-token"
RULES = "/2/tweets/search/stream/rules"
STREAM = "/2/tweets/search/stream"
_FIRST_ID = 1_900_000_000_000_000_000


class XDouble(HttpDouble):
    """X, with the rules and the stream of one app.

    Attributes:
        rules: as the API gives them.
        max_rules: more are refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rules: list[dict[str, str]] = []
        self.listeners = Listeners()
        self.max_rules = 25

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the API."""
        return [
            web.get(RULES, self._get_rules),
            web.post(RULES, self._change_rules),
            web.get(STREAM, self._stream),
        ]

    def add_rule(self, value: str, tag: str = "") -> str:
        """Add a rule; returns its id."""
        rule_id = str(1000 + len(self.seen) * 100 + len(self.rules))
        self.rules.append({"id": rule_id, "value": value, "tag": tag})
        return rule_id

    async def _get_rules(self, request: web.Request) -> web.Response:
        if refusal := _refusal(request):
            return refusal
        page = {"data": self.rules} if self.rules else {}
        return web.json_response({**page, "meta": {"result_count": len(self.rules)}})

    async def _change_rules(self, request: web.Request) -> web.Response:
        if refusal := _refusal(request):
            return refusal
        body = await request.json()
        errors = []
        for rule in body.get("add", ()):
            if any(present["value"] == rule["value"] for present in self.rules):
                errors.append({"title": "DuplicateRule", "value": rule["value"]})
            elif len(self.rules) >= self.max_rules:
                errors.append({"title": "RulesCapExceeded", "value": rule["value"]})
            else:
                self.add_rule(rule["value"], rule.get("tag", ""))
        deleted = body.get("delete", {}).get("ids", ())
        self.rules = [rule for rule in self.rules if rule["id"] not in deleted]
        return web.json_response({"meta": {}, **({"errors": errors} if errors else {})}, status=201)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if refusal := _refusal(request):
            return refusal
        if not self.rules:
            return web.json_response({"title": "ConnectionException"}, status=409)
        return await self.listeners.listen(request, "application/json", b"\r\n")


def make_line(number: int, text: str, *rules: str, **fields: Any) -> bytes:
    """Return a line of the stream."""
    document = {
        "data": {
            "id": str(_FIRST_ID + number),
            "text": text,
            "author_id": "42",
            "created_at": "2026-11-30T12:00:00.000Z",
            "lang": "en",
            "edit_history_tweet_ids": [str(_FIRST_ID + number)],
            **fields,
        },
        "includes": {"users": [{"id": "42", "name": "Desk", "username": "desk"}]},
        "matching_rules": [{"id": rule, "tag": "tocsin"} for rule in rules],
    }
    return json.dumps(document).encode() + b"\r\n"


def _refusal(request: web.Request) -> web.Response | None:
    if request.headers.get("Authorization") == f"Bearer {TOKEN}":
        return None
    return web.json_response({"title": "Unauthorized", "status": 401}, status=401)


async def _run(port: int, rate: int, seconds: float) -> None:
    double = XDouble()
    double.add_rule("flood")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(double.run(port))
        await double.listeners.wait_for_one()
        loop = asyncio.get_running_loop()
        start, number = loop.time(), 0
        while number < rate * seconds:
            due = min(int((loop.time() - start) * rate) + 1, int(rate * seconds))
            for number in range(number, due):  # noqa: B020 - goes on where it was
                text = f"Flood warning {number} for Jakarta, river rising"
                await double.listeners.send(make_line(number, text, *(rule["id"] for rule in double.rules)))
            number = due
            await asyncio.sleep(0.002)
        print(f"sent {number} posts in {loop.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=int, default=1, help="posts a second")
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    asyncio.run(_run(options.port, options.rate, options.seconds))
