"""From a source's documents to posts: each is read as one format, and a bad one costs no other."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import RecordError
from pipeline.formats.format import BadPost, Reading
from pipeline.formats.reader import PostReader
from pipeline.messages.headers import Header
from pipeline.settings import Settings
from pipeline.settings.checks import PostFormatName


class Documents:
    """Reads documents of one format.

    Args:
        post_format: a format, or `auto`.

    Raises:
        SettingsError: the mapping of the settings cannot be used.
    """

    def __init__(self, settings: Settings, post_format: PostFormatName) -> None:
        self._reader = PostReader.of(settings.model_copy(update={"post_format": post_format}))

    def read(self, value: bytes | None, headers: Sequence[Header] = ()) -> list[Reading]:
        """Return what lies in the document; if nothing of it can be read, a `BadPost` that says why."""
        try:
            return self._reader.read(value, headers)
        except RecordError as error:
            return [BadPost(error, value or b"")]
