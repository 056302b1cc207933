"""The topology compared with the settings and the programs that use it."""

from typing import Any, get_type_hints

import pytest

from pipeline.cli.main import app
from pipeline.cli.up import up
from pipeline.settings import Settings
from pipeline.topology import (
    ALERT,
    ANNOTATED,
    CURSORS,
    OUTCOMES,
    POSTS_DEAD,
    ROLES,
    SOURCE_TOPICS,
    TOPICS,
    Role,
    Topic,
    topic_names,
    topics_read,
)


def test_every_topic_of_the_settings_is_in_the_topology() -> None:
    """A topic that is only in the settings would never be created."""
    named = {
        name
        for name in Settings.model_fields
        if name.startswith("topic_") and name not in ("topic_partitions", "topic_replication")
    }
    every = tuple({*TOPICS, *SOURCE_TOPICS})
    assert {topic.setting for topic in every} == named
    assert len(set(topic_names(Settings(), every))) == len(every)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_role_has_its_settings_and_its_command(role: Role) -> None:
    """The consumer group, the batches and `tocsin NAME` are found by the role's name."""
    names = {f"{role.name}_{what}" for what in ("group", "batch_size", "batch_seconds")}
    assert names <= Settings.model_fields.keys()
    assert role.name in {command.callback.__name__ for command in app.registered_commands if command.callback}


def test_every_topic_that_a_role_touches_is_in_the_topology() -> None:
    """Each topic but the posts themselves and the dead letters is written by one role."""
    touched = {t for role in ROLES for t in (role.reads, *role.writes, *role.reads_back)}
    assert touched | {POSTS_DEAD} == set(TOPICS)
    written = [topic for role in ROLES for topic in role.writes]
    assert len(written) == len(set(written))


def test_a_post_ends_where_the_alert_agent_writes_or_as_a_dead_letter() -> None:
    """Outcomes are read back by these topics; an agent that goes on from an outcome takes none of them away."""
    assert set(OUTCOMES) == {*ALERT.writes, POSTS_DEAD}
    assert {topic for role in ROLES for topic in role.reads_back} <= set(OUTCOMES)


@pytest.mark.parametrize("topic", [*TOPICS, CURSORS], ids=lambda topic: topic.setting)
def test_the_key_of_a_message_is_one_of_its_texts(topic: Topic) -> None:
    """A path that a message does not have would stop the agent at its first outcome."""
    if topic.message is None:
        assert topic.key is None
        return
    assert topic.key is not None
    kind: Any = topic.message
    for name in topic.key.split("."):
        kind = get_type_hints(kind)[name]
    assert kind is str


def test_every_process_has_a_port_at_the_highest_that_up_takes() -> None:
    """`tocsin up` gives each further agent the next port, and the source the one after them."""
    (option,) = get_type_hints(up, include_extras=True)["metrics_port"].__metadata__
    assert option.max + len(ROLES) <= 65_535


def test_names_are_those_of_the_deployment() -> None:
    """A topic that is renamed in the settings is renamed everywhere."""
    settings = Settings(topic_annotated="other.annotated")
    assert ANNOTATED.name(settings) == "other.annotated"
    assert {"posts", "other.annotated"} <= set(topics_read(settings))
    assert "posts.annotated" not in topics_read(settings)
