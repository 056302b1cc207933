"""The form of a token, and what it says of itself."""

import time

import pytest

from pipeline.kafka.tokens.token import MAX_TOKEN_BYTES, read_token
from tests.pipeline.kafka.tokens.served_tokens import unsigned_token


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_jwt_names_its_subject_and_its_end(end: str) -> None:
    """Subject and end are read, and it is renewed before its end."""
    value = unsigned_token("agent", lifetime_seconds=100.0)
    token = read_token(value + end)
    assert token.value.get_secret_value() == value
    assert token.subject == "agent"
    assert token.expires_at == pytest.approx(time.time() + 100, abs=5)
    assert token.renew_at == pytest.approx(time.time() + 80, abs=5)
    assert not token.is_expired
    assert value not in repr(token) + token.describe()


def test_an_expired_token_says_so() -> None:
    """It is a token all the same: whose clock is right is for the broker to say."""
    token = read_token(unsigned_token(lifetime_seconds=-1000.0))
    assert token.is_expired
    assert "expired at" in token.describe()


@pytest.mark.parametrize("value", ["opaque-token_1.~+/==", "a.b.c", "e30.bnVsbA.", "e30.WzFd.", "x._.y"])
def test_a_token_that_is_not_a_jwt_has_no_end(value: str) -> None:
    """It is asked for again after a minute."""
    token = read_token(value)
    assert token.expires_at is None
    assert token.subject is None
    assert token.renew_at == pytest.approx(time.time() + 60, abs=5)


@pytest.mark.parametrize("end", ["soon", True, None, [1], 1e308, -5])
def test_an_odd_end_of_a_token_is_bounded_or_ignored(end: object) -> None:
    """What the claim holds comes from elsewhere."""
    read_token(unsigned_token(exp=end)).describe()


def test_a_lifetime_from_the_source_wins_over_the_claims() -> None:
    """`expires_in` of an endpoint counts by our clock."""
    token = read_token(unsigned_token(lifetime_seconds=1000.0), lifetime_seconds=10.0)
    assert token.expires_at == pytest.approx(time.time() + 10, abs=5)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "two words", "two\nlines", "a\x01b", "ä", "=a", "{}", "x" * (MAX_TOKEN_BYTES + 1), "a\n\n"],
)
def test_a_text_that_is_not_a_token_is_refused_and_not_shown(text: str) -> None:
    """Nothing that could forge a field of the exchange, and no output that was printed by mistake."""
    with pytest.raises(ValueError, match=r"^it ") as caught:
        read_token(text)
    assert text.strip() == "" or text not in str(caught.value)
