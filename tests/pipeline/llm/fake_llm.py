"""A fake: an HTTP server that answers as an OpenAI-compatible LLM server might, well or badly as a test sets it.

It has no model. A test gives it a function from the request to the answer, and reads the requests afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

MODEL = "fake-model"


@dataclass(frozen=True)
class Reply:
    """What the fake sends back; `is_cut` closes the connection in the middle of the body."""

    status: int = 200
    body: bytes = b"{}"
    delay_seconds: float = 0.0
    is_cut: bool = False


Behaviour = Callable[[dict[str, Any]], Reply]


def completion(texts: Sequence[str | None], *, prompt_tokens: int = 7, completion_tokens: int = 3) -> Reply:
    """Return a well-formed answer with these choices."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}} for i, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return Reply(body=json.dumps({"choices": choices, "usage": usage}).encode())


def text_completion(texts: Sequence[str]) -> Reply:
    """Return a well-formed answer to a prompt that is no chat."""
    return Reply(body=json.dumps({"choices": [{"text": text} for text in texts]}).encode())


def failure(status: int, *, kind: str = "server_error", message: str = "no", **more: Any) -> Reply:
    """Return an error in the form of OpenAI's API, with further fields."""
    return Reply(status, json.dumps({"error": {"message": message, "type": kind, **more}}).encode())


def models(*names: str) -> Reply:
    """Return a list of models."""
    return Reply(body=json.dumps({"data": [{"id": name} for name in names]}).encode())


def is_canary(request: dict[str, Any]) -> bool:
    """Whether this is one of the client's harmless questions, short or as long as real ones."""
    if "prompt" in request:
        return "Say hello." in str(request["prompt"])  # one, or a list
    return "Say hello." in request["messages"][-1]["content"]


def answering(*texts: str) -> Behaviour:
    """Return a behaviour that answers `n` texts, in turn, and obeys no grammar."""

    def answer(request: dict[str, Any]) -> Reply:
        number = request.get("n", 1)
        return completion([texts[index % len(texts)] for index in range(number)])

    return answer


@dataclass(frozen=True)
class Picky:
    """A behaviour: a server that refuses some requests that others accept, and may give the reason as OpenAI does."""

    answer: Behaviour = field(default_factory=lambda: answering("Fire: Athens"))
    refused_fields: frozenset[str] = frozenset()
    max_n: int = 1 << 16
    temperatures: tuple[float, ...] | None = None  # the only temperatures that it accepts
    takes_system: bool = True
    has_template: bool = True  # else it refuses every chat
    max_prompt_bytes: int = 1 << 30
    thinking_tokens: int = 0  # tokens of thinking before each answer; they are not part of its text
    status: int = 400  # status of refusals
    names_fields: bool = True  # in refusals

    def __call__(self, request: dict[str, Any]) -> Reply:
        """Return a refusal, or the answer."""
        field_name = self._refused_field(request)
        if field_name is not None:
            named = {"param": field_name, "code": "unsupported_parameter"} if self.names_fields else {}
            return failure(self.status, kind="invalid_request_error", **named)
        if prompt_bytes(request) > self.max_prompt_bytes:
            return failure(400, kind="exceed_context_size_error", n_prompt_tokens=1300, n_ctx=1024)
        limit = request.get("max_tokens", request.get("max_completion_tokens", 1 << 16))
        if limit <= self.thinking_tokens:
            return thinking_alone(request.get("n", 1))
        return self.answer(request)

    def _refused_field(self, request: dict[str, Any]) -> str | None:
        for name in sorted(self.refused_fields):
            if name in request:
                return name
        if request.get("n", 1) > self.max_n:
            return "n"
        if self.temperatures is not None and request.get("temperature", 1.0) not in self.temperatures:
            return "temperature"
        messages = request.get("messages", [])
        has_system = any(message["role"] == "system" for message in messages)
        if messages and (not self.has_template or (has_system and not self.takes_system)):
            return "messages"
        return None


def prompt_bytes(request: dict[str, Any]) -> int:
    """Return how long the prompt is, of whatever form."""
    if "prompt" in request:
        return len("".join(request["prompt"]).encode())  # one, or a list
    return sum(len(message["content"].encode()) for message in request["messages"])


def thinking_alone(number: int) -> Reply:
    """Return answers that were cut before they began."""
    message = {"role": "assistant", "content": None, "reasoning_content": "Okay, so"}
    choices = [{"index": i, "message": message, "finish_reason": "length"} for i in range(number)]
    return Reply(body=json.dumps({"choices": choices}).encode())


@dataclass
class FakeLlm:
    """The running fake; use it as an async context manager."""

    behave: Behaviour
    models: Reply = field(default_factory=lambda: models(MODEL))
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)  # bodies of all but the list of models
    keys: list[str] = field(default_factory=list)  # Authorization header of every request

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def own_requests(self) -> list[dict[str, Any]]:
        """The requests that are neither canaries nor probes."""
        return [request for request in self.requests if not is_canary(request)]

    async def __aenter__(self) -> FakeLlm:
        self._gone = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A server that goes away sends no more answers. From Python 3.12 on `wait_closed` waits for every connection.
        self._gone.set()
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._gone.is_set():  # the connection was accepted while the server closed
            writer.close()
            return
        self._writers.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.keys.append(headers.get("authorization", ""))
            await self._reply(writer, self._choose_reply(head[0], body))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as some tests intend
        finally:
            writer.close()
            self._writers.discard(writer)

    def _choose_reply(self, request_line: str, body: bytes) -> Reply:
        if request_line.startswith("GET /v1/models "):
            return self.models
        path = request_line.split()[1]
        if path not in ("/v1/chat/completions", "/v1/completions"):
            return failure(404)
        self.requests.append(json.loads(body))
        if ("messages" in self.requests[-1]) != (path == "/v1/chat/completions"):
            return failure(400)
        return self.behave(self.requests[-1])

    async def _reply(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), reply.delay_seconds)
            return
        head = f"HTTP/1.1 {reply.status} X\r\nContent-Type: application/json\r\nConnection: close\r\n"
        head += f"Content-Length: {len(reply.body)}\r\n\r\n"
        sent = reply.body[: len(reply.body) // 2] if reply.is_cut else reply.body
        writer.write(head.encode() + sent)
        await writer.drain()
