"""Which format reads a document: the one that a setting names, the mapping, or the one that recognises its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pipeline.errors import RecordError, SettingsError
from pipeline.formats.envelopes import ENVELOPES, NOTHING_OPENED, Trail, is_envelope
from pipeline.formats.fields import CHANGES
from pipeline.formats.format import Draft, Format, Item, Unread
from pipeline.formats.networks.changes import NETWORK_CHANGES
from pipeline.formats.reasons import to_unrecognised
from pipeline.formats.registry import FORMATS
from pipeline.formats.tocsin import TOCSIN, read_own
from pipeline.messages.headers import FORMAT, Header
from pipeline.messages.post import ReadAs
from pipeline.settings import assignment
from pipeline.settings.checks import PostFormatName

if TYPE_CHECKING:  # few need it, and jmespath takes its time to load
    from pipeline.formats.mapping import PostMapping

MAPPING = "mapping"
AUTO = "auto"
# What may stand in `read_as.format`.
FORMAT_NAMES: tuple[str, ...] = (*(name for name in get_args(PostFormatName) if name != AUTO), MAPPING)


class ReadItem(NamedTuple):
    """An item of a document.

    Attributes:
        format: the name of its format.
        unknown: fields of a post in our own form that a post does not define.
    """

    item: Item | Unread
    format: str
    unknown: dict[str, Any]


class FormatChoice:
    """Chooses the format of each document.

    Args:
        name: of the only format, or `auto`.
        mapping: reads every document, if there is one.
    """

    def __init__(self, name: str, mapping: PostMapping | None) -> None:
        self._mapping = mapping
        self._format = _find_format(name)
        self._may_be_own = mapping is None and self._format in (None, TOCSIN)

    def is_own(self, document: dict[str, Any], *, has_others: bool) -> bool:
        """Whether an object is to be read in our own form, and is no envelope.

        Args:
            has_others: whether it has other fields than a post. Nothing else can claim it if it has none.
        """
        if not (self._may_be_own and has_others):
            return self._may_be_own
        return not is_envelope(document) and (self._format is TOCSIN or _recognise(document) is TOCSIN)

    @property
    def takes_lists(self) -> bool:
        """Whether a list is one document, and not a list of posts: a mapping may say where they lie in it."""
        return self._mapping is not None and self._mapping.finds_posts

    def read(self, document: Any, trail: Trail, converted_from: str | None) -> Iterator[ReadItem]:
        """Yield the items of a document.

        Args:
            converted_from: the format that the document, which is in our own form, had before.

        Raises:
            RecordError: the document is not of the format, or no format recognises it.
        """
        if converted_from is not None:
            draft, unknown = read_own(document)
            yield ReadItem(draft, converted_from, unknown)
        elif self._mapping is not None:
            for item in self._mapping.read(document):
                yield ReadItem(item, MAPPING, {})
        else:
            yield from self._read_by_format(document, trail)

    def find_id(self, document: Any) -> Any:
        """Return the id of the only post in a document, which may lack all else.

        Raises:
            RecordError: there is no such post.
        """
        if self._mapping is not None:
            return self._mapping.find_id(document)
        # A deleted row often has its key alone.
        whole = (
            {"text": "", **document} if isinstance(document, dict) and "text" not in document else document
        )
        for candidate in (document, whole):
            try:
                [read] = self._read_by_format(candidate, NOTHING_OPENED)
            except (RecordError, ValueError):
                continue
            if isinstance(read.item, Draft):
                return read.item.id
        raise to_unrecognised(document)

    def _read_by_format(self, document: Any, trail: Trail) -> Iterator[ReadItem]:
        form = self._format or _recognise(document)
        if form is None or (form is TOCSIN and not TOCSIN.recognises(document)):
            raise to_unrecognised(document, trail.envelopes)
        if form is TOCSIN:
            draft, unknown = read_own(document)
            yield ReadItem(draft, form.name, unknown)
            return
        for item in form.read(document):
            yield ReadItem(item, form.name, {})


def header_of(read_as: ReadAs) -> Header:
    """Return the header of a post that we convert to our own form: as what it was read before."""
    lists = {"envelopes": read_as.envelopes, "changes": read_as.changes}
    parameters = [f"; {name}={','.join(codes)}" for name, codes in lists.items() if codes]
    return FORMAT, "".join((read_as.format, *parameters)).encode()


def read_before(headers: Sequence[Header]) -> ReadAs | None:
    """Return as what a post was read before one of our sources converted it; None: it was not converted.

    Anyone may write this header, and its words become labels of metrics: only known ones count.
    """
    value = next((value for name, value in headers if name == FORMAT and value is not None), None)
    if value is None:
        return None
    name, *parameters = value.decode(errors="replace").split("; ")
    if name not in FORMAT_NAMES:
        return None
    codes = {key: text.split(",") for key, _, text in (parameter.partition("=") for parameter in parameters)}
    return ReadAs(
        format=name,
        envelopes=[code for code in codes.get("envelopes", ()) if code in ENVELOPES],
        changes=[code for code in codes.get("changes", ()) if code in (*CHANGES, *NETWORK_CHANGES)],
    )


def _find_format(name: str) -> Format | None:
    """Return the format of this name; None for `auto`."""
    if name == AUTO:
        return None
    for form in FORMATS:
        if form.name == name:
            return form
    raise SettingsError([f"{assignment('post_format', name)}: no such format yet"])


def _recognise(document: Any) -> Format | None:
    return next((form for form in FORMATS if form.recognises(document)), None)
