"""Everything that `pipeline` raises on purpose.

TocsinError
├── SettingsError            bad settings or flags; lists all mistakes; the program does not start
├── RecordError              one record cannot be processed: it becomes a dead letter
│   ├── UndecodableError     not JSON, or larger than the limit
│   ├── InvalidMessageError  JSON, but not the message that the topic carries
│   ├── UnannotatableError   the network refuses the text (too long)
│   ├── OutcomeTooLargeError the broker refuses what came of the record
│   ├── InternalError        a defect of ours that this record brought to light
│   └── LlmRefusedError      the LLM server refuses this post's prompt and takes others
├── LlmUnavailableError      server away, busy or failing: nobody's post is at fault, retried
│   ├── llm_http.LlmBusyError
│   ├── llm_http.LlmSettingError  a key, address or model that it does not know: agents wait, a person need not
│   ├── llm_http.LlmTimeoutError
│   ├── llm_http.LlmLostError
│   ├── llm_http.LlmFailsError
│   └── LlmUnfitError        it answers, but refuses harmless requests or has no answer to them: posts wait
├── LlmUnusableError         waiting mends nothing: the server is up and lacks the model that a setting names
├── BrokerUnavailableError   the same for Kafka
│   ├── MissingTopicError    a topic does not exist; somebody may make it
│   └── TokenUnavailableError the same for where our token comes from
├── KafkaAccessError         Kafka refuses us: an ACL is missing; waiting mends nothing
│   └── LoginRefusedError    it does not let us in: password, token, certificate; an agent that runs waits all the same
│       └── TokenRefusedError    where our token comes from refuses us, or gives no token
├── GroupRefusedError        a consumer group refuses an agent for good
├── UnreplayableError        a dead letter cannot be tried again
└── LocalServiceError        a process that `tocsin up` starts did not come up, or is missing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class TocsinError(Exception):
    """Base of all errors that a person may see; the message says what was wrong and what to do."""


class SettingsError(TocsinError):
    """One or several settings are wrong.

    Args:
        problems: one sentence each, with the setting's name and the value found.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RecordError(TocsinError):
    """One record cannot be processed, whatever is tried; `reason` is its code in metrics and headers."""

    reason: ClassVar[str] = "record"


class UndecodableError(RecordError):
    """The bytes are no JSON document within the limits."""

    reason = "undecodable"


class InvalidMessageError(RecordError):
    """The JSON is not the message that the topic carries."""

    reason = "invalid_message"


class UnannotatableError(RecordError):
    """The network refuses the text."""

    reason = "unannotatable"


class OutcomeTooLargeError(RecordError):
    """The broker refuses what came of the record as too large."""

    reason = "outcome_too_large"


class InternalError(RecordError):
    """A defect of ours that one record brought to light; the traceback is in the log."""

    reason = "internal"


class LlmRefusedError(RecordError):
    """The LLM server answers other prompts but refuses this post's."""

    reason = "llm_refused"


class LlmUnavailableError(TocsinError):
    """The LLM server is away, busy or failing."""


class LlmUnfitError(LlmUnavailableError):
    """The LLM server is up, but not such that posts can be asked about; no post is at fault."""


class LlmUnusableError(TocsinError):
    """The LLM server is up, and will not do until somebody changes a setting."""


class BrokerUnavailableError(TocsinError):
    """The Kafka broker cannot be reached."""


class MissingTopicError(BrokerUnavailableError):
    """Topics that do not exist: the agents make them, commands give up.

    Args:
        topics: their names.
        brokers: Kafka bootstrap servers, `HOST:PORT[,...]`.
    """

    def __init__(self, topics: Sequence[str], brokers: str) -> None:
        names = ", ".join(topics)
        super().__init__(
            f"no topic {names} at Kafka {brokers}: the agents make their topics when they start, and TOCSIN_TOPIC_* "
            "name others"
        )
        self.topics = list(topics)


class KafkaAccessError(TocsinError):
    """Kafka refuses us or what we want to do, and will until somebody changes a setting or an ACL."""


class LoginRefusedError(KafkaAccessError):
    """Kafka does not let us in: a password, a token, a certificate or the protocol is wrong.

    That ends a program that starts. One that runs was let in before, with the same settings: whoever renews passwords
    or certificates may do so on both sides one after the other.
    """


class GroupRefusedError(TocsinError):
    """A consumer group refuses the agent, and will until somebody changes a setting."""


# aiokafka tries a connection again after an `OSError` and its own errors; any other would end its background tasks.
class TokenUnavailableError(BrokerUnavailableError, ConnectionError):
    """There is no token to show to Kafka at the moment."""


class TokenRefusedError(LoginRefusedError, ConnectionError):
    """There is no token, and there will be none until somebody changes a setting."""


class UnreplayableError(TocsinError):
    """A dead letter cannot be tried again: nothing is left of the record, or nobody would read it."""


class LocalServiceError(TocsinError):
    """A process that `tocsin up` starts did not come up."""
