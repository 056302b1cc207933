"""The dead letters of a topic, for `tocsin dead`: found, shown, and put back where their records came from.

A letter stays on its topic when it is replayed. So that nobody replays a record twice for each time that it failed,
only the last letter of a record counts, by the place where the record lay at first. Replaying one whose post has got
its alert meanwhile does no harm: the alert agent's ledger skips it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.errors import MessageSizeTooLargeError

from pipeline.errors import InvalidMessageError, UnreplayableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.partition_reader import partition_reader
from pipeline.kafka.publisher import Publisher
from pipeline.messages import Origin
from pipeline.messages.dead_letter import DeadLetter, to_replay
from pipeline.messages.record import Partition, Record
from pipeline.outcomes.outcome import read_outcome
from pipeline.settings import Settings
from pipeline.topology import topics_read


@dataclass(frozen=True, slots=True)
class Filed:
    """A letter and where it lies on the topic of dead letters."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def place(self) -> str:
        """`PARTITION/OFFSET`, by which people name the letter."""
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; None is any."""

    stage: str | None = None
    reason: str | None = None
    place: str | None = None

    def fits(self, filed: Filed) -> bool:
        """Whether this is one of them."""
        letter = filed.letter
        return (
            self.stage in (None, letter.stage)
            and self.reason in (None, letter.reason)
            and self.place in (None, filed.place)
        )


async def find_letters(settings: Settings, wanted: Wanted) -> list[Filed]:
    """Return the letters by age, only the last of each record unless one is asked for by its place.

    Raises:
        BrokerUnavailableError: nobody answers, or there is no topic of dead letters.
    """
    last: dict[object, Filed] = {}
    async with partition_reader(Cluster.of(settings), [settings.topic_dead]) as reader:
        async for records in reader.read({Partition(*place): 0 for place in reader.partitions}):
            for filed in _read(records, settings):
                key = filed.place if wanted.place else filed.letter.first_origin
                if key not in last or last[key].letter.attempt <= filed.letter.attempt:
                    last[key] = filed
    fitting = [filed for filed in last.values() if wanted.fits(filed)]
    return sorted(fitting, key=lambda filed: (filed.letter.timestamp, filed.partition, filed.offset))


def _read(records: Sequence[Record], settings: Settings) -> list[Filed]:
    found = []
    for record in records:
        try:
            letter = read_outcome(record, settings)
        except (
            InvalidMessageError
        ):  # somebody else's record: it says neither why it is here nor where it belongs
            continue
        assert isinstance(letter, DeadLetter)
        found.append(Filed(record.partition, record.offset, letter))
    return found


def check_replayable(letter: DeadLetter, settings: Settings) -> None:
    """Return if the record can be put back.

    Raises:
        UnreplayableError: it cannot; the text says why.
    """
    origin = letter.origin
    if letter.is_cut:
        raise UnreplayableError(
            f"the record was too large for {settings.topic_dead}; it may still lie at {show_origin(origin)}"
        )
    if letter.value is None:
        raise UnreplayableError("the record has no value: it deletes what lies under its key, and is no post")
    # Whoever can write to the topic of dead letters must not be able to make us write anywhere else.
    if origin.topic not in topics_read(settings):
        raise UnreplayableError(f"topic {origin.topic!r} is none that an agent reads")
    if letter.attempt >= settings.dead_max_attempts:
        raise UnreplayableError(
            f"failed {letter.attempt} times, and TOCSIN_DEAD_MAX_ATTEMPTS says that is enough"
        )


async def replay(letters: Sequence[DeadLetter], settings: Settings) -> None:
    """Put the records back on their topics; returns once the broker has acknowledged all of them.

    Raises:
        BrokerUnavailableError: nobody answers, or a topic is missing.
        UnreplayableError: a record is too large.
    """
    publisher = await Publisher.connect(
        Cluster.of(settings),
        topics=sorted({letter.origin.topic for letter in letters}),
    )
    try:
        await publisher.publish([to_replay(letter) for letter in letters])
    except MessageSizeTooLargeError as error:
        raise UnreplayableError(
            "a record no longer fits its topic, whose limit was lowered; none is lost"
        ) from error
    finally:
        await publisher.close()


def show_origin(origin: Origin) -> str:
    """Return `TOPIC/PARTITION/OFFSET`."""
    return f"{origin.topic}/{origin.partition}/{origin.offset}"
