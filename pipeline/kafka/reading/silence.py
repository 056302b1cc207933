"""Noticing that a broker no longer answers a consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition

from pipeline.errors import BrokerUnavailableError

# A broker answers a fetch every half second, with records or without: after this time several answers are missing.
_MAX_SILENCE_SECONDS = 3.0


class Silence:
    """Notices a broker that does not answer. A program that pauses between two polls is not a silent broker."""

    def __init__(self, consumer: Any, tps: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        now = asyncio.get_running_loop().time()
        self._answers: dict[TopicPartition, tuple[object, float]] = dict.fromkeys(tps, (None, now))
        self._polled = now

    def check(self) -> None:
        """Return unless a partition was polled and had no answer for too long.

        Raises:
            BrokerUnavailableError: the broker does not answer.
        """
        now = asyncio.get_running_loop().time()
        was_paused, self._polled = now - self._polled > _MAX_SILENCE_SECONDS / 2, now
        for tp, (before, since) in self._answers.items():
            answered = self._consumer.last_poll_timestamp(tp)
            if was_paused or answered != before:
                self._answers[tp] = (answered, now)
            elif now - since > _MAX_SILENCE_SECONDS:
                raise BrokerUnavailableError(f"Kafka does not answer for {tp.topic}/{tp.partition}")
