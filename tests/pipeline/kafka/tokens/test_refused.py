"""The exchange of OAUTHBEARER, step by step; with a real broker: `test_kafka_tokens.py`."""

from aiokafka import conn
from aiokafka.abc import AbstractTokenProvider

from pipeline.kafka.tokens.refused import hear_why_tokens_are_refused


class FakeTokens(AbstractTokenProvider):  # type: ignore[misc]
    """A FAKE provider."""

    async def token(self) -> str:
        return "abc"


async def test_a_refusal_is_acknowledged_and_a_success_is_the_end() -> None:
    """The token first; then nothing where the broker is content, and the byte it waits for where it gives a reason."""
    hear_why_tokens_are_refused()
    hear_why_tokens_are_refused()
    for challenge, answer in ((b"", None), (b'{"status":"invalid_token"}', (b"\x01", True))):
        authenticator = conn.OAuthAuthenticator(sasl_oauth_token_provider=FakeTokens())
        assert await authenticator.step(None) == (b"n,,\x01auth=Bearer abc\x01\x01", True)
        assert await authenticator.step(challenge) == answer
