"""The ids of chats, as the Bot API has them."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.formats.networks.telegram.chat import (
    chat_of_export,
    chat_of_peer,
    chat_of_sender,
    post_id,
    post_url,
)


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("public_channel", 1333333333, -1001333333333),
        ("private_supergroup", 5, -1000000000005),
        ("private_group", 7, -7),
        ("personal_chat", 7, 7),
        ("other", 7, None),
        ("personal_chat", "7", None),
        (["personal_chat"], 7, None),
    ],
)
def test_a_chat_of_an_export(kind: Any, number: Any, expected: int | None) -> None:
    assert chat_of_export({"type": kind, "id": number}) == expected


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"_": "PeerChannel", "channel_id": 1333333333}, -1001333333333),
        ({"_": "PeerChat", "chat_id": 7}, -7),
        ({"_": "PeerUser", "user_id": 7}, 7),
        (None, None),
        ({"channel_id": True}, None),
    ],
)
def test_a_peer_of_telethon(peer: Any, expected: int | None) -> None:
    assert chat_of_peer(peer) == expected


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("channel1333333333", -1001333333333),
        ("user5", None),
        ("channel", None),
        ("channel²", None),
        (5, None),
    ],
)
def test_a_channel_that_writes_in_its_own_name(sender: Any, expected: int | None) -> None:
    assert chat_of_sender({"from_id": sender}) == expected


@pytest.mark.parametrize(
    ("chat", "number", "username", "url"),
    [
        (-1001333333333, 2, None, "https://t.me/c/1333333333/2"),
        (-1001333333333, 2, "ash", "https://t.me/ash/2"),
        (-1001333333333, 2, "../x", "https://t.me/c/1333333333/2"),
        (-7, 2, None, None),
        (7, None, "ash", None),
    ],
)
def test_the_address_of_a_message(chat: int, number: Any, username: Any, url: str | None) -> None:
    assert post_url(chat, number, username) == url


def test_a_post_has_an_id_if_chat_and_number_are_known() -> None:
    assert [post_id(-5, 2), post_id(None, 2), post_id(-5, None), post_id(True, 2)] == [
        "-5/2",
        None,
        None,
        None,
    ]
