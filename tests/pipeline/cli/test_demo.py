"""The whole on one machine, as a newcomer runs it: real broker, network, LLM server and agents."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from pipeline.local.process import find_free_port
from pipeline.offline import SAMPLE_POSTS
from pipeline.settings import KAFKA_LIBS
from tests.pipeline.kafka.brokers import kafka_or_skip
from tests.pipeline.llm.fake_llm import FakeLlm, answering

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_TOCSIN = Path(sys.executable).with_name("tocsin")


def _environ(mark: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return clean | {"NO_COLOR": "1", "TEST_RUN_MARK": mark}


def _leftovers(mark: str) -> list[str]:
    """Return the command lines of processes whose environment carries the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"TEST_RUN_MARK={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def _run_demo(*arguments: str, mark: str, cwd: Path) -> list[dict[str, Any]]:
    result = subprocess.run(
        [_TOCSIN, "demo", "--json", *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        cwd=cwd,
        env=_environ(mark),
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_demo_accounts_for_every_sample_post(tmp_path: Path) -> None:
    """Alerts, abstentions and dead letters add up to the posts; no process stays running and no file is left."""
    *outcomes, last = _run_demo(mark="samples", cwd=tmp_path)
    summary = last["summary"]
    num_posts = len(SAMPLE_POSTS.read_text().splitlines())
    kinds = Counter(kind for outcome in outcomes for kind in outcome)
    assert summary["posts"] == num_posts == len(outcomes)
    assert summary["alerts"] == kinds["alert"] > 0
    assert sum(summary["abstentions"].values()) == kinds["abstention"]
    assert summary["abstentions"]["no_text"] >= 1
    assert summary["abstentions"]["no_entity"] >= 3
    assert summary["dead_letters"] == {"decode": 2}
    assert _leftovers("samples") == []
    assert list(tmp_path.iterdir()) == []
    for outcome in outcomes:
        if "alert" in outcome:
            _check_alert(outcome["alert"])


def _check_alert(alert: dict[str, Any]) -> None:
    text = alert["post"]["text"]
    assert text[alert["entity_start"] : alert["entity_end"]] == alert["entity"]
    assert alert["alert"] == f"{alert['theme']}: {alert['entity']}"
    assert 1 <= len(alert["theme"].split()) <= 3
    provenance = alert["provenance"]
    assert provenance["num_sampled"] >= provenance["num_valid"] >= 1
    assert len(provenance["checkpoint"]["sha256"]) == 64
    assert {"annotate", "sample"} <= {stage["name"] for stage in alert["stages"]}


def test_the_demo_takes_a_users_file(tmp_path: Path) -> None:
    """A post twice, a post with its edit, and a bad line are all accounted for, however the file is written:
    byte order mark, line ends of Windows, none at the end. A field that a post does not have is kept.
    """
    fields = {"id": "same", "text": "Floods in Jakarta, thousands flee", "entities": {"urls": []}}
    post = json.dumps(fields)
    texts = ("more soon", "Explosion near Lagos station")
    edited = "\r\n".join(json.dumps({"id": "edited", "text": text}) for text in texts)
    (tmp_path / "my posts.jsonl").write_bytes(f"\ufeff{post}\r\n{post}\r\n{edited}\r\n\r\nnot json".encode())
    *outcomes, last = _run_demo("--posts", "my posts.jsonl", mark="user", cwd=tmp_path)
    assert last["summary"]["posts"] == 5
    assert last["summary"]["repeated"] == 1
    assert len(outcomes) == 4
    assert last["summary"]["dead_letters"] == {"decode": 1}
    posts = [message["post"] for outcome in outcomes for message in outcome.values() if "post" in message]
    assert [post["metadata"] for post in posts if post["id"] == "same"] == [{"entities": {"urls": []}}]
    assert _leftovers("user") == []


async def test_the_sum_adds_up_whatever_a_file_holds(tmp_path: Path) -> None:
    """Lists with bad items and lists in them, a row's deletion, a repeat, a post of a network, and nothing."""
    news = {"id": "news", "text": "Big fire in Athens on Monday"}
    table = {"source": {"connector": "mysql", "name": "db", "table": "posts"}, "after": None}
    lines: list[Any] = [
        [news, {"id": "bad"}, [{"id": "a", "text": "so tired today"}, 5], {"id": "b", "text": "hello"}],
        news,
        table | {"op": "d", "before": {"id": "gone", "text": "x"}},
        [],
        {"data": {"id": "12", "text": "Big fire in Athens on Sunday"}, "matching_rules": [{"id": "1"}]},
    ]
    (tmp_path / "mixed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{broken\n")
    async with FakeLlm(answering("Fire: Athens")) as llm:
        arguments = ("--posts", "mixed.jsonl", "--llm-url", llm.url)
        run = partial(_run_demo, *arguments, mark="mixed", cwd=tmp_path)
        *outcomes, last = await asyncio.to_thread(run)
    summary = last["summary"]
    assert (summary["alerts"], summary["abstentions"], summary["repeated"]) == (2, {"no_entity": 2}, 1)
    assert summary["dead_letters"] == {"decode": 3}
    assert (summary["posts"], summary["deletions"], summary["skipped"]) == (8, 1, 1)
    assert len(outcomes) == 7
    formats = {
        message["post"]["id"]: message["provenance"]["read_as"]["format"]
        for outcome in outcomes
        for message in outcome.values()
        if "post" in message
    }
    assert formats == {"news": "tocsin", "a": "tocsin", "b": "tocsin", "12": "x-v2"}


@pytest.fixture(
    params=[
        pytest.param([], id="embedded"),
        pytest.param(["--kafka", "apache"], marks=pytest.mark.kafka, id="apache"),
    ]
)
def running_stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """`tocsin up` on free ports; gives the broker's address, and checks the clean end after Ctrl-C."""
    jars = {KAFKA_LIBS: str(kafka_or_skip().libs)} if request.param else {}
    port, metrics_port = find_free_port(), 0
    process = subprocess.Popen(
        [_TOCSIN, "up", "--broker-port", str(port), "--metrics-port", str(metrics_port), *request.param],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=_environ(f"up-{port}") | jars,
    )
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            if "Ctrl-C" in line:
                break
        yield f"127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        assert process.wait(timeout=120) == 0
        assert time.monotonic() - started < 20
    assert _leftovers(f"up-{port}") == []
    assert [folder.name for folder in tmp_path.iterdir()] == ([".tocsin"] if request.param else [])


@pytest.mark.skipif(which("kcat") is None, reason="kcat, an independent Kafka client, is not installed")
def test_an_independent_client_gets_an_alert_for_its_post(running_stack: str) -> None:
    """kcat produces a post to the running stack and reads its alert."""
    post = {
        "id": "kcat-1",
        "text": "Flooding in Jakarta: thousands leave their homes",
        "metadata": {"desk": [1]},
    }
    produce = ["kcat", "-P", "-b", running_stack, "-t", "posts", "-k", "kcat-1"]
    subprocess.run(produce, input=json.dumps(post), text=True, timeout=30, check=True)
    consume = [
        "kcat",
        "-C",
        "-q",
        "-b",
        running_stack,
        "-t",
        "alerts",
        "-o",
        "beginning",
        "-c",
        "1",
        "-f",
        "%k\\n%s\\n",
    ]
    key, value = subprocess.run(
        consume, capture_output=True, text=True, timeout=90, check=True
    ).stdout.splitlines()
    alert = json.loads(value)
    assert (key, alert["post"]) == ("kcat-1", post)
    assert alert["entity"] == "Jakarta"
