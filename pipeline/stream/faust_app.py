"""The Faust app around one agent, with the settings that the promises of delivery need."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Self

import faust

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.security import KafkaSecurity
from pipeline.settings import Settings
from pipeline.stream.faust_consumer import CommittedTransport
from pipeline.topology import Role

# Members of the group wait this long for each other when the group changes.
_REBALANCE_SECONDS = 12.0
# Slow work is not a reason to leave the group: an LLM may be away for hours. The watchdog finds an agent that is stuck.
_MAX_POLL_SECONDS = 30 * 86_400.0
# A topic that is deleted, made again, or given more partitions is noticed within this time.
_METADATA_MAX_AGE_SECONDS = 10.0
_HEARTBEATS_PER_SESSION = 6
# A heartbeat without an answer shows that the broker hangs. Only JoinGroup takes as long as a rebalance.
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StreamSource:
    """Where an agent's records come from, and the size of its batches.

    Args:
        group: consumer group; its members share the topic's partitions.
        max_records: the largest batch.
        max_wait_seconds: a batch waits this long for more records.
        session_seconds: the group gives the partitions of a silent member to others after this time.
    """

    cluster: Cluster
    group: str
    topic: str
    max_records: int
    max_wait_seconds: float
    session_seconds: float = 6.0

    @classmethod
    def of(cls, role: Role, settings: Settings) -> Self:
        """Return the source of a role's agents in this deployment."""
        return cls(
            Cluster.of(settings),
            role.group(settings),
            role.reads.name(settings),
            max_records=getattr(settings, f"{role.name}_batch_size"),
            max_wait_seconds=getattr(settings, f"{role.name}_batch_seconds"),
            session_seconds=settings.group_session_seconds,
        )


def build_app(source: StreamSource) -> faust.App:
    """Return the app, without an agent."""
    rebalance_seconds = max(_REBALANCE_SECONDS, source.session_seconds)
    return _App(
        source.group,
        broker=[f"kafka://{broker.strip()}" for broker in source.cluster.brokers.split(",")],
        broker_credentials=_credentials(source.cluster.security),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,  # `ensure_topics` makes them
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        # With the defaults the first record takes half a minute, and a lost member as long to be noticed.
        broker_session_timeout=source.session_seconds,
        broker_heartbeat_interval=source.session_seconds / _HEARTBEATS_PER_SESSION,
        broker_rebalance_timeout=rebalance_seconds,
        broker_request_timeout=rebalance_seconds + _ANSWER_SECONDS,
        broker_max_poll_interval=_MAX_POLL_SECONDS,
        consumer_metadata_max_age_ms=int(_METADATA_MAX_AGE_SECONDS * 1000),
        stream_buffer_maxsize=2 * source.max_records,
        stream_wait_empty=False,  # the stream itself waits for the current batch, and not for ever
    )


class _App(faust.App):
    logger = logging.getLogger(
        "faust.app"
    )  # the app's own would write a line for each start and stop of each service

    def _create_directories(self) -> None:
        """Make no folders: this app has no tables to keep there."""

    def _new_transport(self) -> Any:
        return CommittedTransport(self.conf.broker_consumer, self)


def _credentials(security: KafkaSecurity) -> Any:
    """Return the login for Faust, equal to that of the other Kafka clients."""
    if security.tokens is not None:
        return faust.OAuthCredentials(oauth_cb=security.tokens, ssl_context=security.tls)
    if security.mechanism and security.password is not None:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password.get_secret_value(),
            ssl_context=security.tls,
            mechanism=security.mechanism,
        )
    return security.tls
