"""The table of ACLs in deploy/README.md compared with the topology."""

from __future__ import annotations

import re

import pytest

from pipeline.settings import Settings
from pipeline.topology import CURSORS, POSTS_DEAD, ROLES, SOURCE_TOPICS, Role, topic_names, topics_read
from tests.pages import section

_ROWS = {
    who.strip("` "): [topics, group]
    for who, topics, group in re.findall(
        r"^\| (.+?) \| (.*?) \| (.*?)\|$", section("deploy/README.md", "A Kafka of your own"), re.MULTILINE
    )
}


def _named(operation: str, cell: str) -> list[str]:
    """Return the names that a cell gives after an operation, in alphabetical order."""
    return sorted(
        name
        for part in re.split(r"[;:]| also ", cell)
        if part.strip().startswith(operation)
        for name in re.findall(r"`(.+?)`", part)
    )


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_row_of_an_agent_names_its_topics_and_its_group(role: Role) -> None:
    """An operator allows what is in the table; an agent that lacks one of these ends at once."""
    settings = Settings()
    topics, group = _ROWS[f"{role.name} agent"]
    assert _named("Read", topics) == sorted(topic_names(settings, (role.reads, *role.reads_back)))
    assert _named("Write", topics) == sorted(topic_names(settings, (*role.writes, POSTS_DEAD)))
    assert _named("Read", group) == [role.group(settings)]


def test_the_row_of_dead_letters_names_every_topic_to_which_they_can_be_replayed() -> None:
    """A replay puts a record back on the topic that an agent read."""
    topics, _ = _ROWS["tocsin dead"]
    assert _named("Read", topics) == [Settings().topic_dead]
    assert _named("Write", topics) == sorted(set(topics_read(Settings())))


def test_the_row_of_live_sources_names_the_topics_that_they_write() -> None:
    """The cursor is read back; no agent needs it."""
    topics, _ = _ROWS["tocsin source"]
    assert _named("Read", topics) == topic_names(Settings(), (CURSORS,))
    assert _named("Write", topics) == sorted(topic_names(Settings(), SOURCE_TOPICS))
