"""Addresses of posts, and retweets made whole."""

from __future__ import annotations

import pytest

from pipeline.formats.networks.x.posts import post_url, repeated_text


@pytest.mark.parametrize(
    ("author", "name", "url"),
    [
        ("desk", "1", "https://x.com/desk/status/1"),
        (None, 1, "https://x.com/i/web/status/1"),
        ("a/b", "1", "https://x.com/i/web/status/1"),
        ("desk", None, None),
        ("desk", True, None),
    ],
)
def test_the_address_of_a_post(author: str | None, name: object, url: str | None) -> None:
    assert post_url(author, name) == url


@pytest.mark.parametrize(
    ("text", "author", "whole", "expected"),
    [
        (
            "RT @desk: Explosion at the pl…",
            "desk",
            "Explosion at the plant",
            "RT @desk: Explosion at the plant",
        ),
        (
            "RT @desk: Explosion at the pl…",
            None,
            "Explosion at the plant",
            "RT @desk: Explosion at the plant",
        ),
        ("RT @desk: Explosion at the pl…", "desk", None, "RT @desk: Explosion at the pl…"),
        # Both are cut, and this one less.
        ("RT @desk: Explosion at the pl…", "desk", "Explosion at…", "RT @desk: Explosion at the pl…"),
        ("no form of X's", None, "Explosion at the plant", "no form of X's"),
    ],
)
def test_a_retweet_made_whole(text: str, author: str | None, whole: str | None, expected: str) -> None:
    assert repeated_text(text, author, whole) == expected
