"""The Kafka cluster of a deployment as one value: the first argument of every Kafka client of the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pipeline.kafka.security import NO_SECURITY, KafkaSecurity, kafka_security
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster, and how this program connects to it.

    Args:
        brokers: bootstrap servers, `HOST:PORT[,...]`.
        security: the login and TLS.
        is_idempotent: whether its brokers drop what a producer's retry sends twice.
    """

    brokers: str
    security: KafkaSecurity = NO_SECURITY
    is_idempotent: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the cluster that the settings name.

        Raises:
            SettingsError: a file of the login cannot be read, or does not hold what it should.
        """
        return cls(settings.brokers, kafka_security(settings), settings.producer_idempotence)

    @property
    def client(self) -> str:
        """The user and the cluster, for messages."""
        return f"{self.security.user} at Kafka {self.brokers}"
