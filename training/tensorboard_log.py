"""A run's losses and scores as TensorBoard reads them: `tensorboard --logdir FOLDER`."""

from collections.abc import Iterator
from pathlib import Path

from tensorboardX import SummaryWriter

from training.trainer import EpochReport


class TensorboardLog:
    """One event file a process; what a killed process wrote from `first_epoch` on is dropped by the viewer."""

    def __init__(self, folder: Path, *, first_epoch: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def append(self, report: EpochReport) -> None:
        """Write an epoch's scalars, and have them on disk before the next epoch."""
        for name, value in _scalars(report):
            self._writer.add_scalar(name, value, report.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def _scalars(report: EpochReport) -> Iterator[tuple[str, float]]:
    losses = (("entity", report.entity_loss), ("sentiment", report.sentiment_loss))
    yield from ((f"loss/{name}", loss) for name, loss in losses if loss is not None)
    yield "selection", report.selection
    yield "seconds/train", report.train_seconds
    for corpus, scores in report.dev.items():
        yield from ((f"{Path(corpus).stem}/{name}", value) for name, value in scores.items())
