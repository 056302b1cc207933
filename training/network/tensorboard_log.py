"""A run's losses and scores as TensorBoard reads them: `tensorboard --logdir FOLDER`."""

import time
from collections.abc import Iterator
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from training.network.trainer import EpochReport


class TensorboardLog:
    """An event file. TensorBoard drops what a killed run wrote from `first_epoch` on.

    It does not use tensorboardX's SummaryWriter, which writes from a thread: a kill would lose what waits there.
    """

    def __init__(self, folder: Path, *, first_epoch: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = EventsWriter(str(folder / "events"), f".{first_epoch}")
        self._write(Event(step=first_epoch, session_log=SessionLog(status=SessionLog.START)))

    def append(self, report: EpochReport) -> None:
        """Write an epoch's scalars; they are on disk before the next epoch."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in _scalars(report)]
        self._write(Event(wall_time=time.time(), step=report.epoch, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, event: Event) -> None:
        self._file.write_event(event)
        self._file.flush()


def _scalars(report: EpochReport) -> Iterator[tuple[str, float]]:
    losses = (("entity", report.entity_loss), ("sentiment", report.sentiment_loss))
    yield from ((f"loss/{name}", loss) for name, loss in losses if loss is not None)
    yield "selection", report.selection
    yield "seconds/train", report.train_seconds
    for corpus, scores in report.dev.items():
        yield from ((f"{Path(corpus).stem}/{name}", value) for name, value in scores.items())
