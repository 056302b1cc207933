"""Everything that `pipeline` raises on purpose.

TocsinError
├── SettingsError            wrong settings or options; lists all mistakes; the program does not start
├── RecordError              one record cannot be processed: it becomes a dead letter
│   ├── UndecodableError     not JSON, or larger than the limit
│   ├── InvalidMessageError  JSON, but not the message that the topic carries
│   ├── UnannotatableError   the network fails on the text
│   ├── OutcomeTooLargeError the broker refuses the record's outcome as too large
│   ├── InternalError        a defect of ours that this record brought to light
│   └── LlmRefusedError      the LLM server refuses this post's prompt and answers others
├── LlmUnavailableError      the LLM server is away, busy or failing: not the post's fault, so it is retried
│   ├── llm.http.LlmBusyError
│   ├── llm.http.LlmSettingError   a key, address or model that the server does not know: agents wait, commands end
│   ├── llm.http.LlmTimeoutError
│   ├── llm.http.LlmLostError
│   ├── llm.http.LlmFailsError
│   └── LlmUnfitError        the server answers, but refuses harmless requests or answers nothing: posts wait
├── LlmUnusableError         the server is up, and waiting does not help: a setting must change
├── BrokerUnavailableError   the broker is away, busy or failing: retried
│   ├── MissingTopicError    a topic does not exist; it may be created later
│   └── TokenUnavailableError the source of our token is away or failing
├── KafkaAccessError         the broker refuses us: an ACL is missing; waiting does not help
│   └── LoginRefusedError    the broker refuses our password, token or certificate; a running agent waits all the same
│       └── TokenRefusedError    the source of our token refuses us, or gives no token
├── GroupRefusedError        a consumer group refuses an agent for good
├── kafka.publisher.TooLargeError  the broker refuses a record as too large, and the record has no fallback
├── SourceUnavailableError   a live source is away, busy or failing, or limits our rate: tried again
├── SourceRefusedError       a live source refuses us: a token or a setting must change
├── UnreplayableError        a dead letter cannot be replayed
└── LocalServiceError        a process that `tocsin up` starts does not come up, ends, or is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class TocsinError(Exception):
    """Base of all errors that a person may see. The message says what is wrong and what to do."""


class SettingsError(TocsinError):
    """One or several settings are wrong.

    Args:
        problems: one sentence each, with the name of the setting and the value found.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RecordError(TocsinError):
    """One record cannot be processed, however often it is tried. `reason` is the code in metrics and headers."""

    reason: ClassVar[str] = "record"


def record_reasons() -> list[str]:
    """Return every reason that a dead letter can have, sorted."""
    return sorted(_reasons_below(RecordError))


def _reasons_below(error: type[RecordError]) -> set[str]:
    return {reason for kind in error.__subclasses__() for reason in ({kind.reason} | _reasons_below(kind))}


class UndecodableError(RecordError):
    """The bytes are not a JSON document within the limits."""

    reason = "undecodable"


class InvalidMessageError(RecordError):
    """The JSON is not the message that the topic carries."""

    reason = "invalid_message"


class UnannotatableError(RecordError):
    """The network refuses the text."""

    reason = "unannotatable"


class OutcomeTooLargeError(RecordError):
    """The broker refuses the outcome of the record as too large."""

    reason = "outcome_too_large"


class InternalError(RecordError):
    """A defect of ours that one record brought to light. The log has the traceback."""

    reason = "internal"


class LlmRefusedError(RecordError):
    """The LLM server answers other prompts but refuses this post's."""

    reason = "llm_refused"


class LlmUnavailableError(TocsinError):
    """The LLM server is away, busy or failing."""


class LlmUnfitError(LlmUnavailableError):
    """The LLM server is up, but cannot be asked about posts. No post is at fault."""


class LlmUnusableError(TocsinError):
    """The LLM server is up, but unusable until a setting changes."""


class BrokerUnavailableError(TocsinError):
    """The Kafka broker cannot be reached."""


class MissingTopicError(BrokerUnavailableError):
    """Topics do not exist. The agents create them, and the commands end.

    Args:
        topics: their names.
        brokers: Kafka bootstrap servers, `HOST:PORT[,...]`.
    """

    def __init__(self, topics: Sequence[str], brokers: str) -> None:
        names = ", ".join(topics)
        super().__init__(
            f"no topic {names} at Kafka {brokers}: the agents create their topics when they start; other names are set "
            "with TOCSIN_TOPIC_*"
        )
        self.topics = list(topics)


class KafkaAccessError(TocsinError):
    """The broker refuses us, or what we want to do, until a setting or an ACL changes."""


class LoginRefusedError(KafkaAccessError):
    """The broker refuses our login: a password, a token, a certificate or the protocol is wrong.

    This ends a program that starts. A program that runs has logged in before with the same settings, so it waits:
    passwords and certificates are renewed on one side after the other.
    """


class GroupRefusedError(TocsinError):
    """A consumer group refuses the agent until a setting changes."""


# aiokafka retries a connection after an `OSError` and its own errors. Any other error would end its background tasks.
class TokenUnavailableError(BrokerUnavailableError, ConnectionError):
    """At the moment there is no token for the broker."""


class TokenRefusedError(LoginRefusedError, ConnectionError):
    """There is no token for the broker, until a setting changes."""


class SourceUnavailableError(TocsinError):
    """A live source is away, busy or failing, or limits our rate.

    Args:
        retry_after: seconds after which the source wants to be asked again; None: it does not say.
        is_rate_limit: the source has said that we ask too often.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, is_rate_limit: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_rate_limit = is_rate_limit


class SourceRefusedError(TocsinError):
    """A live source refuses us, until a token or a setting changes.

    This ends a program that starts. A program that has been connected before waits: tokens are renewed.
    """


class UnreplayableError(TocsinError):
    """A dead letter cannot be replayed: nothing is left of the record, or no agent reads its topic."""


class LocalServiceError(TocsinError):
    """A process that `tocsin up` starts does not come up, ends, or is not installed."""
