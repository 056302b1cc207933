"""The state of an agent's consumer group and topic: shown at `/readyz`, and mended as far as that is possible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pipeline.errors import BrokerUnavailableError, GroupRefusedError, KafkaAccessError
from pipeline.kafka.refusals import check_login
from pipeline.kafka.security import NO_SECURITY
from pipeline.monitor.readiness import Readiness, State
from pipeline.outage import backoff_seconds
from pipeline.stream.faust_app import StreamSource
from pipeline.stream.faust_consumer import GroupConsumer
from pipeline.stream.group_client import Membership
from pipeline.stream.group_refusal import Applicant, GroupRefusal, explain_failure, explain_refusal
from pipeline.stream.topic_keeper import TopicKeeper

_MAX_BACKOFF_SECONDS = 10.0
_LOGIN_CHECK_SECONDS = 10.0


class GroupWatch:
    """Looks at the group again and again.

    Args:
        readiness: shows what is found.
        topics: makes topics again that are gone.
        on_topic_lost: called if the topic was missing: offsets of the old one must not be committed to a new one.
    """

    def __init__(
        self,
        consumer: GroupConsumer,
        source: StreamSource,
        *,
        readiness: Readiness,
        topics: TopicKeeper,
        on_topic_lost: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._source = source
        self._readiness = readiness
        self._topics = topics
        self._on_topic_lost = on_topic_lost
        self.must_rejoin = False  # the assignment is void, and the group does not know yet
        self._was_member = False
        self._num_refusals, self._next_request = 0, 0.0
        self._next_login_check = 0.0
        self._remaking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Show the state of the group and the topic, and do what can be done about it.

        Raises:
            GroupRefusedError: the group refuses this agent for good.
        """
        member = self._consumer.membership()
        if member.error is not None:
            await self._meet_refusal(member)
            return
        self._num_refusals = 0
        if self._consumer.has_lost_topic:
            self._on_topic_lost()
        if not member.has_coordinator:
            await self._show_absence()
        elif not member.is_member:
            self._readiness.connecting(f"joining consumer group {self._source.group!r}")
        elif not self._consumer.may_see(self._source.topic):
            self._readiness.refused(f"this agent lacks an ACL: Describe on topic {self._source.topic!r}")
        elif not self._consumer.has_topic(self._source.topic):
            self._meet_missing_topic()
        elif self.must_rejoin:
            # Only the group's leader joins again by itself when topics change.
            self._readiness.connecting(f"joining consumer group {self._source.group!r} again")
            await self._consumer.join_again()
        else:
            self._was_member = True
            self._readiness.joined()
        self._remake_topics()

    def close(self) -> None:
        """End the making of topics, if it is under way."""
        if self._remaking is not None:
            self._remaking.cancel()

    def _meet_missing_topic(self) -> None:
        is_news = self._readiness.status.state is not State.NO_TOPIC
        self._readiness.no_topic(f"no topic {self._source.topic!r}: making it again")
        self._topics.note_lost() if is_news else self._topics.note_missing()

    def _remake_topics(self) -> None:
        """Make missing topics, in a task: a broker that hangs must not stop the looking."""
        if self._remaking is not None and not self._remaking.done():
            return
        if self._remaking is not None:
            self._remaking.result()  # raises anything but an outage
        self._remaking = asyncio.ensure_future(self._remake())

    async def _remake(self) -> None:
        if await self._topics.remake_missing():
            await self._consumer.ask_for_metadata()

    async def _show_absence(self) -> None:
        """Show that no broker answers for the group; if there is a login, check whether the broker refuses it."""
        source = self._source
        reason = f"no broker of {source.cluster.brokers} answers for consumer group {source.group!r}"
        if not self._was_member:
            reason = f"looking for the broker that coordinates consumer group {source.group!r}"
        if self._readiness.status.state is not State.REFUSED:
            self._readiness.connecting(reason)
        if source.cluster.security == NO_SECURITY or time.monotonic() < self._next_login_check:
            return
        self._next_login_check = time.monotonic() + _LOGIN_CHECK_SECONDS
        try:
            await check_login(source.cluster)
        except KafkaAccessError as error:
            # A password or a token may be mended while the agent runs: the agent goes on.
            self._readiness.refused(str(error))
        except BrokerUnavailableError as error:
            self._readiness.connecting(str(error))
        else:
            self._readiness.connecting(reason)

    async def _meet_refusal(self, member: Membership) -> None:
        """Raise `GroupRefusedError` for a refusal that lasts; show another one, and ask again after a while."""
        refusal = self._explain(member)
        if refusal.is_final or member.is_over:
            raise GroupRefusedError(refusal.text)
        self._readiness.refused(refusal.text)
        now = time.monotonic()
        if self._num_refusals == 0:
            self._next_request = now
        if now >= self._next_request:
            self._next_request = now + backoff_seconds(
                self._num_refusals + 2, max_seconds=_MAX_BACKOFF_SECONDS
            )
            self._num_refusals += 1
            await self._consumer.join_again()

    def _explain(self, member: Membership) -> GroupRefusal:
        applicant = Applicant(self._source.group, self._source.session_seconds)
        if member.refusal_code:
            return explain_refusal(member.refusal_code, applicant)
        assert member.error is not None, "a refusal has a code or an error"
        return explain_failure(member.error, applicant)
