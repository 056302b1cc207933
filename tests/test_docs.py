"""The documentation compared with the code that it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args

import pytest
from prometheus_client.samples import Sample

from pipeline.messages import AbstentionReason, Origin, SelectionMethod
from pipeline.messages.dead_letter import DeadLetter, to_outgoing
from pipeline.messages.json_schema import generate_schema
from pipeline.monitor.readiness import State
from pipeline.settings import Settings
from pipeline.settings.checks import SelectionName
from pipeline.settings.document import render_env_file, render_page
from pipeline.sources.live.runner.metrics import SourceMetrics
from pipeline.topology import CURSORS, TOPICS, Topic
from tests.pages import commands, first_column, read_page, section
from tests.pipeline.role_metrics import make_all_metrics


def test_the_settings_are_written_from_the_fields() -> None:
    """Name, default, bounds and description of every setting are on the page and in tocsin.env."""
    env_file = read_page("deploy/tocsin.env")
    assert read_page("docs/settings.md") == render_page()
    assert env_file == render_env_file(env_file)


_SCHEMAS = {topic: generate_schema(topic.message) for topic in (*TOPICS, CURSORS) if topic.message}


@pytest.mark.parametrize("topic", _SCHEMAS, ids=lambda topic: topic.setting)
def test_every_field_of_a_message_is_named(topic: Topic) -> None:
    """A user finds each field that comes out of a topic, in the section `TOPIC: MESSAGE`."""
    schema = _SCHEMAS[topic]
    text = section("docs/messages.md", f"{topic.name(Settings())}: {schema['title']}")
    assert [name for name in schema["properties"] if f"`{name}`" not in text] == []


@pytest.mark.parametrize("topic", _SCHEMAS, ids=lambda topic: topic.setting)
def test_every_field_of_a_part_is_named(topic: Topic) -> None:
    """A user finds each field of the structs inside messages too."""
    parts = _SCHEMAS[topic].get("definitions", {}).values()
    names = [name for part in parts for name in part.get("properties", ())]
    assert [name for name in names if f"`{name}`" not in read_page("docs/messages.md")] == []


def test_every_reason_to_abstain_is_explained() -> None:
    """The table has a row for each reason and no other."""
    rows = first_column(section("docs/messages.md", "alerts.abstained: Abstention"))
    assert sorted(rows) == sorted(["reason", *AbstentionReason])


def test_every_header_of_a_dead_letter_is_explained() -> None:
    """The table has the headers of letters that hold their record, and of letters that do not."""
    rows = first_column(section("docs/messages.md", "posts.dead: dead letters"))
    assert set(rows) == {name for name in _headers_of_dead_letters() if name.startswith("tocsin-")}


def _headers_of_dead_letters() -> Iterator[str]:
    origin = Origin(topic="posts", partition=0, offset=1, index=2)
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
    """A user finds each reason that `tocsin dead list` shows."""
    table = section("docs/refusals.md", "Dead letters").split("`tocsin dead` itself")[0]
    assert set(first_column(table)) == _label_values("dead_letters", "reason")


def test_every_state_of_an_agent_is_explained() -> None:
    """A user finds each state that `/readyz` shows."""
    rows = first_column(section("docs/refusals.md", "What state is the agent in?"))
    assert sorted(rows) == sorted(State)


def test_every_verdict_is_explained() -> None:
    """A new rule needs a row."""
    rows = first_column(section("docs/alerts.md", "Why was my sample rejected?"))
    assert set(rows) == _label_values("candidates", "verdict")


def test_every_way_to_select_is_explained() -> None:
    """The tables have the values of the setting, and those that an alert may have in `selected_by`."""
    settable, said = section("docs/alerts.md", "How is one of several candidates chosen?").split(
        "| `selected_by`"
    )
    assert sorted(first_column(settable)) == sorted(["TOCSIN_SELECTION", *get_args(SelectionName)])
    assert sorted(first_column(said)) == sorted(SelectionMethod)
    assert [name for name in _label_values("alerts", "selected_by") if f"`{name}`" not in said] == []
    rows = first_column(section("docs/messages.md", "alerts: Alert"))
    assert set(SelectionMethod) <= set(rows)


_ALL_METRICS = list(make_all_metrics().values())
for _metrics in _ALL_METRICS:
    _metrics.build.info({"role": "one or the other"})  # as a process does it


def _samples() -> Iterator[Sample]:
    """Yield the samples of every agent's metrics as they are at the start."""
    for metrics in _ALL_METRICS:
        for metric in metrics.registry.collect():
            yield from (sample for sample in metric.samples if metric.name.startswith("tocsin_"))


def _label_values(metric: str, label: str) -> set[str]:
    """Return the possible values of a counter's label."""
    return {sample.labels[label] for sample in _samples() if sample.name == f"tocsin_{metric}_total"}


def test_every_metric_is_listed_with_its_labels() -> None:
    """The table has a row for each metric and no other."""
    table = section("docs/operations.md", "Which metrics are there?")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ((?:`\w+`(?:, )?)*) ?\| ", table, re.MULTILINE))
    suffixes = {"counter": "_total", "info": "_info"}
    assert set(rows) == {
        metric.name.removeprefix("tocsin_") + suffixes.get(metric.type, "")
        for metrics in _ALL_METRICS
        for metric in metrics.registry.collect()
        if metric.name.startswith("tocsin_")
    }
    for sample in _samples():
        name = re.sub(r"^tocsin_|_(bucket|sum|count|created)$", "", sample.name)
        if name in rows:
            assert set(sample.labels) - {"le"} == set(re.findall(r"\w+", rows[name])), name


def test_every_metric_of_a_live_source_is_listed_with_its_labels() -> None:
    """The table has a row for each metric and no other."""
    table = section("docs/sources-live.md", "Which metrics are there?")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ((?:`\w+`(?:, )?)*) ?\| ", table, re.MULTILINE))
    found = {
        metric.name.removeprefix("tocsin_source_") + ("_total" if metric.type == "counter" else ""): metric
        for metric in SourceMetrics("bluesky").registry.collect()
        if metric.name.startswith("tocsin_source_")
    }
    assert set(rows) == set(found)
    for name, metric in found.items():
        labels = {label for sample in metric.samples for label in sample.labels} - {"source"}
        assert labels == set(re.findall(r"\w+", rows[name])) or not metric.samples, name


@pytest.mark.parametrize(
    ("name", "label"), [("stage_seconds_count", "stage"), ("llm_requests_total", "outcome")]
)
def test_values_of_labels_are_listed(name: str, label: str) -> None:
    """A user can write a query from the table alone."""
    table = section("docs/operations.md", "Which metrics are there?")
    (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name.removesuffix('_count')}`")]
    values = {sample.labels[label] for sample in _samples() if sample.name == f"tocsin_{name}"}
    assert values
    assert [value for value in values if f"`{value}`" not in row] == []


def test_every_command_has_a_section_with_its_options() -> None:
    """No section is about a command that does not exist."""
    page = read_page("docs/commands.md")
    assert sorted(re.findall(r"^### `tocsin (.+)`$", page, re.MULTILINE)) == sorted(commands())
    for name, command in commands().items():
        text = section("docs/commands.md", f"`tocsin {name}`")
        options = [option for param in command.params for option in param.opts if option.startswith("--")]
        assert [option for option in options if option != "--help" and f"`{option}" not in text] == [], name
