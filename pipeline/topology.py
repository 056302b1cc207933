"""Which topic carries what, and which agent reads and writes it: the place where topics and agents are named together.

A new agent is a row in `ROLES`, a new topic a `Topic`. Creating topics, asking for ACLs, reading outcomes back,
replaying dead letters and `tocsin up` follow from here. Live sources, which are no agents, have `SOURCE_TOPICS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from pipeline.messages import Abstention, Alert, AnnotatedPost, Post
from pipeline.messages.cursor import Cursor
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the pipeline.

    Args:
        setting: the field of `Settings` that holds its name.
        message: the type of its messages; None: records as they came, with headers that say why they are here.
        key: the field of a message that is its record's key, by a path of attributes; None: the record keeps its own.
        is_compacted: Kafka keeps the last record of each key for ever; such a topic has one partition.
    """

    setting: str
    message: type[Struct] | None
    key: str | None = "post.id"
    is_compacted: bool = False

    def name(self, settings: Settings) -> str:
        """Return the topic's name in this deployment."""
        name: str = getattr(settings, self.setting)
        return name


@dataclass(frozen=True, slots=True)
class Role:
    """One agent as a deployment runs it: `tocsin NAME`.

    Its consumer group and its batches are the settings `NAME_group`, `NAME_batch_size` and `NAME_batch_seconds`.

    Args:
        name: the command, and the value of the metrics' label `agent`.
        reads: the topic that its consumer group reads.
        writes: the topics of its outcomes; every role also writes `POSTS_DEAD`.
        reads_back: the topics on which it looks up which posts to skip: those with an alert or an abstention.
        needs_llm: whether it asks the LLM server.
    """

    name: str
    reads: Topic
    writes: tuple[Topic, ...]
    reads_back: tuple[Topic, ...] = ()
    needs_llm: bool = False

    def group(self, settings: Settings) -> str:
        """Return the consumer group of the role's agents."""
        group: str = getattr(settings, f"{self.name}_group")
        return group


POSTS = Topic("topic_posts", Post, key="id")
ANNOTATED = Topic("topic_annotated", AnnotatedPost)
ALERTS = Topic("topic_alerts", Alert)
ABSTAINED = Topic("topic_abstained", Abstention)
POSTS_DEAD = Topic("topic_dead", None, key=None)
CURSORS = Topic("topic_cursors", Cursor, key="source", is_compacted=True)

ANNOTATE = Role("annotate", reads=POSTS, writes=(ANNOTATED,))
ALERT = Role(
    "alert", reads=ANNOTATED, writes=(ALERTS, ABSTAINED), reads_back=(ALERTS, ABSTAINED), needs_llm=True
)

ROLES = (ANNOTATE, ALERT)
TOPICS = (POSTS, ANNOTATED, ALERTS, ABSTAINED, POSTS_DEAD)
SOURCE_TOPICS = (POSTS, CURSORS)  # which `tocsin source` writes
OUTCOMES = (ALERTS, ABSTAINED, POSTS_DEAD)  # on which a post can end


def topic_names(settings: Settings, topics: tuple[Topic, ...] = TOPICS) -> list[str]:
    """Return the names of these topics in this deployment."""
    return [topic.name(settings) for topic in topics]


def topics_read(settings: Settings) -> list[str]:
    """Return the names of the topics that agents read: a record can be tried again on these alone."""
    return topic_names(settings, tuple(role.reads for role in ROLES))
