"""What a live source is: an async generator of batches of posts, which goes on from a cursor.

The runner (`runner`) does everything else. It reconnects with back-off, drops duplicates, filters what the source
cannot filter, publishes, keeps the cursor, and counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pipeline.formats.format import Reading
from pipeline.settings import Settings

_KEY_DIGITS = 12


class Filter(StrEnum):
    """What a source may filter by."""

    LANGUAGES = "languages"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source has read at once; `Batch()` says that the connection stands.

    Attributes:
        items: posts, deletions, bad posts and what was skipped, in the order of the source.
        cursor: the position after this batch, as `LiveSource.read` takes it; None: it has not changed.
        event_time: when the newest of them happened, by the source's clock; None: the source does not say.
    """

    items: Sequence[Reading] = ()
    cursor: str | None = None
    event_time: datetime | None = None


class LiveSource(Protocol):
    """A network, a feed or a topic of others, from which posts come without end."""

    @property
    def name(self) -> str:
        """The name in `tocsin source NAME`, in metrics and in headers."""
        ...

    @property
    def key(self) -> str:
        """Which cursor is this source's own: `source_key` makes it."""
        ...

    @property
    def filters(self) -> frozenset[Filter]:
        """What the source itself filters by; the runner filters by the others."""
        ...

    def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Connect once and yield what comes, from the cursor on, or from now on if it is None.

        The generator yields `Batch()` as soon as it is connected, and may do so again for each sign of life. It is not
        pulled while a batch is unpublished, so it must not collect without bound. It reads its token anew, because the
        file may have changed. If the connection ends it raises or returns: the runner calls `read` again. A batch that
        was yielded before may come again.

        Raises:
            SourceUnavailableError: the source is away, busy or failing, or limits our rate: it is tried again.
            SourceRefusedError: the source refuses us, until a token or a setting changes.
            SettingsError: a file that a setting names cannot be used.
        """
        ...


# Makes the source of these settings; raises SettingsError for all that can be seen without connecting.
BuildSource = Callable[[Settings], LiveSource]


def source_key(name: str, *distinguishing: object) -> str:
    """Return the key of a source's cursor: its name, and a hash of what tells it from others of its kind.

    Args:
        distinguishing: the address, the feeds, the rules, the filters: whatever makes the cursor of another source
            useless for this one. Never a secret.
    """
    digest = hashlib.sha256(repr(distinguishing).encode()).hexdigest()
    return f"{name}:{digest[:_KEY_DIGITS]}"
