"""What a person sees while a network is trained."""

from types import TracebackType
from typing import Self

from rich.console import Console

from training.console import new_progress
from training.network.trainer import EpochReport


class EpochProgress:
    """A bar over the steps of the current epoch, and one line for each epoch that is done."""

    def __init__(self, console: Console, num_epochs: int) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._progress = new_progress(console)
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
