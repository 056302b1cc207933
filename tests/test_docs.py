"""The documentation against the code that it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from pydoc import locate
from typing import Any, get_args

import msgspec
import pytest
import typer

from pipeline.alert.selection import SelectionName
from pipeline.cli.main import app
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    CheckpointRef,
    Entity,
    Origin,
    Post,
    Provenance,
    SelectionMethod,
    Sentiment,
    StageTime,
)
from pipeline.messages.dead_letter import DeadLetter, to_outgoing
from pipeline.monitor.labels import ROLES, SELECTIONS, VERDICTS, dead_letters
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.readiness import State
from pipeline.settings.document import render_env_file, render_page
from tests.pages import DOCS, PAGES, ROOT, anchors, code, first_column, links, read_page, section
from training.cli.main import app as training_app

# Named in recipes and instructions: files that a reader would make.
_NOT_THERE_YET = {
    "pipeline/incident/",
    "pipeline/messages/incident.py",
    "pipeline/sources/bluesky.py",
    "tests/pipeline/incident/",
    "deploy/.env",
    "deploy/kafka-ca.pem",
    "deploy/kafka-client-secret",
    "deploy/kafka-password",
    "models/NAME",  # how a server of models calls one
}


def test_the_settings_are_written_from_the_fields() -> None:
    """Name, default, bounds and description of every setting stand on the page and in tocsin.env."""
    env_file = read_page("deploy/tocsin.env")
    assert read_page("docs/settings.md") == render_page()
    assert env_file == render_env_file(env_file)


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("posts: Post", Post),
        ("posts.annotated: AnnotatedPost", AnnotatedPost),
        ("alerts: Alert", Alert),
        ("alerts.abstained: Abstention", Abstention),
    ],
)
def test_every_field_of_a_message_is_named(title: str, message: type[msgspec.Struct]) -> None:
    """A user finds each field that comes out of a topic, in the section of its topic."""
    text = section("docs/messages.md", title)
    assert [name for name in _fields(message) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("part", [Entity, Sentiment, CheckpointRef, Origin, StageTime, Provenance])
def test_every_field_of_a_part_is_named(part: type[msgspec.Struct]) -> None:
    """So is each field of what messages hold."""
    assert [name for name in _fields(part) if f"`{name}`" not in read_page("docs/messages.md")] == []


def _fields(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]


def test_every_reason_to_abstain_is_explained() -> None:
    """No row is of a reason that is gone, and none is missing."""
    rows = first_column(section("docs/messages.md", "alerts.abstained: Abstention"))
    assert sorted(rows) == sorted(["reason", *AbstentionReason])


def test_every_header_of_a_dead_letter_is_explained() -> None:
    """Whether the record could be kept or not."""
    rows = first_column(section("docs/messages.md", "posts.dead: dead letters"))
    assert set(rows) == {name for name in _headers_of_dead_letters() if name.startswith("tocsin-")}


def _headers_of_dead_letters() -> Iterator[str]:
    origin = Origin(topic="posts", partition=0, offset=1)
    letter = DeadLetter(
        stage="decode",
        reason="undecodable",
        message="not JSON",
        origin=origin,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        attempt=2,
        first_origin=origin,
        is_cut=False,
        key=b"1",
        value=b"{",
        headers=[],
    )
    whole = to_outgoing(letter, "posts.dead")
    assert whole.fallback is not None
    for record in (whole, whole.fallback()):
        yield from (name for name, _ in record.headers)


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    """A user finds what `tocsin dead list` shows."""
    table = section("docs/refusals.md", "Dead letters").split("`tocsin dead` itself")[0]
    reasons = {reason for role in ROLES for _, reason in dead_letters(role)}
    assert sorted(first_column(table)) == sorted(reasons)


def test_every_state_of_an_agent_is_explained() -> None:
    """A user finds what `/readyz` shows."""
    rows = first_column(section("docs/refusals.md", "What state is the agent in?"))
    assert sorted(rows) == sorted(State)


def test_every_verdict_is_explained() -> None:
    """A rule is added with a row."""
    rows = first_column(section("docs/alerts.md", "Why was my sample rejected?"))
    assert sorted(rows) == sorted(VERDICTS)


def test_every_way_to_select_is_explained() -> None:
    """Those that one can set, and those that an alert may say it was selected by."""
    settable, said = section("docs/alerts.md", "How is one of several candidates chosen?").split(
        "| `selected_by`"
    )
    assert sorted(first_column(settable)) == sorted(["TOCSIN_SELECTION", *get_args(SelectionName)])
    assert sorted(first_column(said)) == sorted(SelectionMethod)
    assert all(f"`{name}`" in said for name in SELECTIONS)
    rows = first_column(section("docs/messages.md", "alerts: Alert"))
    assert set(SelectionMethod) <= set(rows)


def test_every_metric_is_listed_with_its_labels() -> None:
    """No row is of a metric that is gone, and none is missing."""
    table = section("docs/operations.md", "Which metrics are there?")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ((?:`\w+`(?:, )?)*) ?\| ", table, re.MULTILINE))
    suffixes = {"counter": "_total", "info": "_info"}
    metrics = {
        metric.name.removeprefix("tocsin_") + suffixes.get(metric.type, "")
        for metric in Metrics().registry.collect()
        if metric.name.startswith("tocsin_")
    }
    assert set(rows) == metrics
    for name, labels in rows.items():
        for sample in Metrics().registry.collect():
            if sample.name == f"tocsin_{name.removesuffix('_total')}" and sample.samples:
                own = set(sample.samples[0].labels) - {"le"}
                assert own == set(re.findall(r"\w+", labels)), name


def _commands() -> dict[str, Any]:
    """Return the commands of `tocsin` by their names; those of a group as `dead list`."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        f"{name} {sub}".strip(): command
        for name, group in commands.items()
        for sub, command in getattr(group, "commands", {"": group}).items()
    }


def test_every_command_has_a_section_with_its_options() -> None:
    """No section is of a command that is gone."""
    page = read_page("docs/commands.md")
    assert sorted(re.findall(r"^### `tocsin (.+)`$", page, re.MULTILINE)) == sorted(_commands())
    for name, command in _commands().items():
        text = section("docs/commands.md", f"`tocsin {name}`")
        options = [option for param in command.params for option in param.opts if option.startswith("--")]
        assert [option for option in options if option != "--help" and f"`{option}" not in text] == [], name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_that_a_page_names_exists(page: Path) -> None:
    """Commands, targets of make, modules, paths and Python names: a reader can type them."""
    names = {name for text in code(page.read_text(encoding="utf-8")) for name in _names_in(text)}
    assert {name for name in names if not _exists(*name)} == set()


def _names_in(text: str) -> Iterator[tuple[str, str]]:
    patterns = {
        "tocsin": r"(?:^|bin/|[|\s])tocsin ([a-z]+)\b(?!-)",
        "make": r"^(?:[A-Z_]+=\S+ )*make (?:[A-Z_]+=\S+ )*([a-z][a-z-]*)",
        "module": r"python -m ([\w.]+)",
        "training": r"-m training ([a-z-]+)",
        "path": r"(?<![\w/.-])((?:pipeline|models|training|deploy|docs|tests|findings)/[\w./*-]*)",
        "python": r"^((?:models|pipeline|training)(?:\.\w+)+)$",
    }
    for kind, pattern in patterns.items():
        yield from ((kind, name) for name in re.findall(pattern, text))


def _exists(kind: str, name: str) -> bool:
    if kind == "tocsin":
        return name in {command.split()[0] for command in _commands()}
    if kind == "make":
        return re.search(rf"^{name}:", read_page("Makefile"), re.MULTILINE) is not None
    if kind == "module":
        file = ROOT / name.replace(".", "/")
        return file.with_suffix(".py").exists() or (file / "__main__.py").exists()
    if kind == "training":
        return name in typer.main.get_command(training_app).commands  # type: ignore[attr-defined]
    if kind == "python":
        return locate(name) is not None
    return name in _NOT_THERE_YET or any(ROOT.glob(name.rstrip("/")))


def test_what_recipes_make_is_not_there() -> None:
    """A recipe for something that exists is none."""
    ours = [
        name for name in _NOT_THERE_YET if not name.startswith("deploy/")
    ]  # there those who deploy make them
    assert [name for name in ours if (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "page",
    [*PAGES, *ROOT.glob("training/results/**/*.md"), ROOT / "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link into the repository has a target, and its anchor a heading."""
    dead = []
    for path, anchor in links(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(f"{path}#{anchor}")
    assert dead == []


def test_the_index_has_every_page() -> None:
    """A page that no question leads to is not found."""
    named = {path for path, _ in links(read_page("docs/README.md"))}
    assert [page.name for page in DOCS if page.name not in {*named, "README.md"}] == []
