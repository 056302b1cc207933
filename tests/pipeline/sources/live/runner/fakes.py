"""A source that is scripted, and the parts of a runner around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from pipeline.formats.format import Reading, ReadPost
from pipeline.messages import Post, ReadAs
from pipeline.monitor.health import Progress
from pipeline.monitor.readiness import Readiness, Status
from pipeline.settings import Settings
from pipeline.sources.live.runner.cursor_store import CursorStore
from pipeline.sources.live.runner.filters import PostFilter
from pipeline.sources.live.runner.intake import Intake
from pipeline.sources.live.runner.metrics import SourceMetrics
from pipeline.sources.live.runner.runner import Runner
from pipeline.sources.live.source import Batch, Filter
from tests.pipeline.fakes import FakePublisher


def posts(*ids: int | str, text: str = "Flood", lang: str | None = None) -> list[Reading]:
    """Return readings of posts with these ids."""
    return [
        ReadPost(Post(id=str(number), text=text, lang=lang), ReadAs(format="jetstream")) for number in ids
    ]


class ScriptedSource:
    """Fake: gives for each connection what a script says: batches, and the error that ends it."""

    name = "scripted"
    key = "scripted:1"

    def __init__(
        self, *connections: Sequence[Batch | Exception], filters: frozenset[Filter] = frozenset()
    ) -> None:
        self._connections = list(connections)
        self.filters = filters
        self.cursors: list[str | None] = []  # with which it was asked to read
        self.num_given = 0
        self.num_closed = 0

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Give the script of the next connection; after the last one, end the test."""
        self.cursors.append(cursor)
        try:
            for step in self._connections.pop(0):
                if isinstance(step, Exception):
                    raise step
                self.num_given += 1
                yield step
        finally:
            self.num_closed += 1


class TheEndError(Exception):
    """The script is over."""


class RunnerParts:
    """A runner of a source, with what it writes to."""

    def __init__(
        self,
        source: ScriptedSource,
        publisher: FakePublisher | None = None,
        *,
        cursor: str | None = None,
        on_late: Callable[[], None] = lambda: None,
    ) -> None:
        settings = Settings()
        self.waits: list[float] = []  # how long the runner would have waited
        self.states: list[Status] = []  # at each of these waits
        self.publisher = publisher or FakePublisher()
        self.metrics = SourceMetrics(source.name)
        self.readiness = Readiness()
        self.store = CursorStore(settings, source.key, cursor, write_seconds=0)
        self.runner = Runner(
            source,
            self.publisher,
            self.store,
            Intake(settings, self.metrics, PostFilter(settings)),
            metrics=self.metrics,
            readiness=self.readiness,
            progress=Progress(None),
            on_late=on_late,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        """Wait for no time."""
        self.waits.append(seconds)
        self.states.append(self.readiness.status)

    @property
    def topics(self) -> list[tuple[str, str]]:
        """Topic and key of everything published, in order."""
        return [(record.topic, (record.key or b"").decode()) for record in self.publisher.published]

    def value(self, name: str, **labels: str) -> float:
        """Return a metric's value."""
        found = self.metrics.registry.get_sample_value(name, {"source": "scripted", **labels})
        assert found is not None, name
        return found
