"""The topology compared with the settings and the programs that use it."""

from operator import attrgetter
from typing import Any

import pytest

from pipeline.cli.main import app
from pipeline.messages import Abstention, Alert, AnnotatedPost, Post
from pipeline.settings import Settings
from pipeline.topology import ANNOTATED, OUTCOMES, POSTS_DEAD, ROLES, TOPICS, Role, topic_names, topics_read
from tests.pipeline.fakes import make_abstention, make_alert, make_annotated_post


def test_every_topic_of_the_settings_is_in_the_topology() -> None:
    """A topic that is only in the settings would never be created."""
    named = {
        name
        for name in Settings.model_fields
        if name.startswith("topic_") and name not in ("topic_partitions", "topic_replication")
    }
    assert {topic.setting for topic in TOPICS} == named
    assert len(topic_names(Settings())) == len(set(topic_names(Settings()))) == len(TOPICS)


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
    assert set(OUTCOMES) == set(TOPICS) - {role.reads for role in ROLES}


def test_the_key_of_a_message_is_one_of_its_texts() -> None:
    """A path that a message does not have would stop the agent at its first outcome."""
    messages: dict[Any, Any] = {Post: Post(id="p1", text="x"), AnnotatedPost: make_annotated_post()}
    messages |= {Alert: make_alert(), Abstention: make_abstention()}
    for topic in TOPICS:
        if topic.message is None:
            assert topic.key is None
        else:
            assert topic.key is not None
            assert attrgetter(topic.key)(messages[topic.message]) == "p1"


def test_names_are_those_of_the_deployment() -> None:
    """A topic that is renamed in the settings is renamed everywhere."""
    settings = Settings(topic_annotated="other.annotated")
    assert ANNOTATED.name(settings) == "other.annotated"
    assert topics_read(settings) == ["posts", "other.annotated"]
