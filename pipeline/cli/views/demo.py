"""What `tocsin demo` shows: text for people or JSON lines for programs."""

from __future__ import annotations

from typing import Any, Protocol, Self

from rich.console import Console
from rich.text import Text

from pipeline.outcomes.outcome import Outcome, Tally, to_json
from pipeline.outcomes.render import render_outcome
from pipeline.printable import escape_unprintable, json_line, printable, quantity


class DemoView(Protocol):
    """Shows a demo from its beginning to its end; a context manager."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""

    def report(self, step: str) -> None:
        """Show what is being done now."""

    def show(self, outcome: Outcome, tally: Tally, num_posts: int) -> None:
        """Show the outcome of one post."""

    def summarise(self, summary: dict[str, Any]) -> None:
        """Show the sum."""


class TextView:
    """Text for people: each outcome beside its post as it arrives, and the present step in a line at the bottom."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True)
        self._status = self._console.status("starting")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def report(self, step: str) -> None:
        """Show what is being done now."""
        self._status.update(Text(escape_unprintable(step)))
        self._console.print(f"… {escape_unprintable(step)}", style="dim", highlight=False, markup=False)

    def show(self, outcome: Outcome, tally: Tally, num_posts: int) -> None:
        """Print the outcome beside its post."""
        self._console.print(render_outcome(outcome))
        self._status.update(f"{tally.num_posts} of {quantity(num_posts, 'post')}")

    def summarise(self, summary: dict[str, Any]) -> None:
        """Print the sum."""
        self._status.stop()
        parts = [quantity(summary["alerts"], "alert")]
        parts += [f"{n} without an alert ({reason})" for reason, n in sorted(summary["abstentions"].items())]
        parts += [
            f"{quantity(n, 'dead letter')} ({printable(stage)})"
            for stage, n in sorted(summary["dead_letters"].items())
        ]
        parts += [f"{summary['repeated']} with the id of another"] if summary["repeated"] else []
        self._console.print(
            f"\n{quantity(summary['posts'], 'post')} = {' + '.join(parts)}",
            style="bold",
            highlight=False,
            markup=False,
        )
        others = [
            quantity(summary["deletions"], "deletion") if summary["deletions"] else "",
            f"{quantity(summary['skipped'], 'item')} skipped" if summary["skipped"] else "",
        ]
        if any(others):
            self._console.print(f"and no posts: {', '.join(filter(None, others))}", highlight=False)
        self._console.print(f"{summary['seconds']} seconds, loading included", style="dim", highlight=False)


class JsonView:
    """JSON lines for programs on standard output, the summary last. Steps go to standard error."""

    def __init__(self) -> None:
        self._steps = Console(stderr=True, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Change nothing: JSON lines leave the terminal as it is."""

    def report(self, step: str) -> None:
        """Show what is being done now."""
        self._steps.print(f"… {escape_unprintable(step)}", style="dim", highlight=False, markup=False)

    def show(self, outcome: Outcome, tally: Tally, num_posts: int) -> None:
        """Print the outcome."""
        _print_json(to_json(outcome))

    def summarise(self, summary: dict[str, Any]) -> None:
        """Print the sum."""
        _print_json({"summary": summary})


def _print_json(document: dict[str, Any]) -> None:
    print(json_line(document), flush=True)
