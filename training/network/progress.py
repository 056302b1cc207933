"""What a person sees while corpora are parsed and networks trained."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.network.trainer import EpochReport


def _new_progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        # A log file wants the epochs' lines, not a thousand states of a bar.
        disable=not console.is_terminal,
    )


@contextmanager
def bar(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for one piece of work; yields the callback that moves it."""
    with _new_progress(console) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class EpochProgress:
    """A bar over the steps of the current epoch, and one line for each epoch that is done."""

    def __init__(self, console: Console, num_epochs: int) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._progress = _new_progress(console)
        self._bar = self._progress.add_task("epoch 1", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_step(self, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._bar, completed=done, total=total)

    def on_epoch(self, report: EpochReport) -> None:
        """Print the epoch's scores and begin the next bar."""
        scores = "  ".join(
            f"{name} {values.get('entity_f1', values.get('sentiment_macro_recall', 0.0)):.4f}"
            for name, values in report.dev.items()
        )
        losses = "  ".join(
            f"{name} loss {loss:.4f}"
            for name, loss in (("entity", report.entity_loss), ("sentiment", report.sentiment_loss))
            if loss is not None
        )
        self._console.print(
            f"epoch {report.epoch}/{self._num_epochs}  {losses}  {scores}  selection {report.selection:.4f}"
            f"{' (best)' if report.is_best else ''}  {report.train_seconds:.0f}+{report.dev_seconds:.0f} s",
            highlight=False,
            soft_wrap=True,
        )
        self._progress.reset(self._bar, description=f"epoch {report.epoch + 1}")
