"""The console of `python -m training`, and a bar on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Standard error: results alone go to standard output.
console = Console(stderr=True)


def new_progress(shown_on: Console) -> Progress:
    """Return what bars are added to; it shows nothing if the console is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=shown_on,
        # A log file wants the epochs' lines, not a thousand states of a bar.
        disable=not shown_on.is_terminal,
    )


@contextmanager
def bar(shown_on: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for one piece of work; yields the callback that moves it."""
    with new_progress(shown_on) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
