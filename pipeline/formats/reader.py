"""The way of a record: its envelopes are opened, its format recognised, its fields made to fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pipeline.formats.format import Reading, ReadPost
from pipeline.messages.codec import decode
from pipeline.messages.headers import Header
from pipeline.messages.post import Post
from pipeline.messages.unknown_fields import OnUnknown
from pipeline.settings import Settings


class PostReader:
    """Reads records as the settings say.

    Args:
        on_unknown: called with the fields of a post in our own form that a post does not define.
    """

    def __init__(self, settings: Settings, *, on_unknown: OnUnknown | None = None) -> None:
        self._max_bytes = settings.max_post_bytes
        self._on_unknown = on_unknown

    @classmethod
    def of(cls, settings: Settings, *, on_unknown: OnUnknown | None = None) -> Self:
        """Return the reader that these settings ask for.

        Raises:
            SettingsError: the mapping cannot be used; the text says where its mistake is.
        """
        return cls(settings, on_unknown=on_unknown)

    def read(self, value: bytes | None, headers: Sequence[Header] = ()) -> list[Reading]:
        """Return what lies in a record, in its order.

        Raises:
            RecordError: nothing of the record can be read.
        """
        return [ReadPost(decode(value, Post, max_bytes=self._max_bytes, on_unknown=self._on_unknown))]
