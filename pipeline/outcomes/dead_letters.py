"""Dead letters for `tocsin dead`: they are found, and their records put back on the topics that they came from.

A letter stays on its topic when it is replayed. A record that failed again has a letter for each failure. Only its last
letter counts, so that it is replayed once; letters belong together by the position where the record first lay. A post
that shared its record with others has letters of its own. If a whole record failed first, and only some of its posts
when it was replayed, the letters of these posts count. If the post has its alert by then, a replay does no harm: the
alert agent's ledger skips it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec import structs

from pipeline.errors import InvalidMessageError, UnreplayableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher, TooLargeError
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.messages import Origin
from pipeline.messages.dead_letter import DeadLetter, show_origin, to_replay
from pipeline.messages.record import Record
from pipeline.outcomes.outcome import read_outcome
from pipeline.settings import Settings
from pipeline.topology import topics_read


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter, and its position on the topic of dead letters."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def position(self) -> str:
        """`PARTITION/OFFSET`, by which people name the letter."""
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which letters to find. None stands for any."""

    stage: str | None = None
    reason: str | None = None
    position: str | None = None

    def matches(self, stored: StoredLetter) -> bool:
        """Whether this is one of them."""
        letter = stored.letter
        return (
            self.stage in (None, letter.stage)
            and self.reason in (None, letter.reason)
            and self.position in (None, stored.position)
        )


async def find_letters(settings: Settings, query: LetterQuery) -> list[StoredLetter]:
    """Return the letters by age: the last of each record, or the one at the position that is asked for.

    Raises:
        BrokerUnavailableError: no broker answers, or there is no topic of dead letters.
    """
    last: dict[object, StoredLetter] = {}
    async with partition_reader(Cluster.of(settings), [settings.topic_dead]) as reader:
        async for records in reader.read(dict.fromkeys(reader.partitions, 0)):
            for stored in _read(records, settings):
                key = stored.position if query.position else stored.letter.first_origin
                if key not in last or last[key].letter.attempt <= stored.letter.attempt:
                    last[key] = stored
    letters = last.values() if query.position else _without_divided(last.values())
    fitting = [stored for stored in letters if query.matches(stored)]
    return sorted(fitting, key=lambda stored: (stored.letter.timestamp, stored.partition, stored.offset))


def _without_divided(letters: Collection[StoredLetter]) -> list[StoredLetter]:
    """Return the letters without those of whole records that were replayed since and have letters by post."""
    divided: dict[object, int] = {}  # the highest attempt by the place of the whole record
    for letter in (stored.letter for stored in letters):
        if letter.first_origin.index is not None:
            record = structs.replace(letter.first_origin, index=None)
            divided[record] = max(divided.get(record, 0), letter.attempt)
    return [
        stored for stored in letters if divided.get(stored.letter.first_origin, 0) <= stored.letter.attempt
    ]


def is_of(place: Origin, record: Origin) -> bool:
    """Whether a letter of this place is about this record, or about one of its several posts."""
    return place == record or (record.index is None and structs.replace(place, index=None) == record)


def _read(records: Sequence[Record], settings: Settings) -> list[StoredLetter]:
    found = []
    for record in records:
        try:
            letter = read_outcome(record, settings)
        except InvalidMessageError:  # a record of another program lacks our headers
            continue
        assert isinstance(letter, DeadLetter)
        found.append(StoredLetter(record.partition, record.offset, letter))
    return found


def check_replayable(letter: DeadLetter, settings: Settings) -> None:
    """Return if the record can be put back on its topic.

    Raises:
        UnreplayableError: it cannot; the text says why.
    """
    origin = letter.origin
    if letter.is_cut:
        raise UnreplayableError(
            f"the record was too large for {settings.topic_dead}; it may still lie at {show_origin(origin)}"
        )
    if letter.value is None:
        raise UnreplayableError("the record has no value: it deletes its key, and is not a post")
    # A client that may write to the topic of dead letters must not be able to make us write to any other topic.
    if origin.topic not in topics_read(settings):
        raise UnreplayableError(f"topic {origin.topic!r} is not one that an agent reads")
    if letter.attempt >= settings.dead_max_attempts:
        raise UnreplayableError(f"failed {letter.attempt} times, and TOCSIN_DEAD_MAX_ATTEMPTS allows no more")


async def replay(letters: Sequence[DeadLetter], settings: Settings) -> None:
    """Put the records back on their topics. Returns once the broker has acknowledged all of them.

    Raises:
        BrokerUnavailableError: no broker answers, or a topic is missing.
        UnreplayableError: a record is too large.
    """
    publisher = await Publisher.connect(
        Cluster.of(settings),
        topics=sorted({letter.origin.topic for letter in letters}),
    )
    try:
        await publisher.publish([to_replay(letter) for letter in letters])
    except TooLargeError as error:
        raise UnreplayableError(
            "a record is too large for its topic, whose limit was lowered; no record is lost"
        ) from error
    finally:
        await publisher.close()
