"""The way in of the program `tocsin`: Ctrl-C and SIGTERM end it well from here on, while the rest still loads."""

from __future__ import annotations

from pipeline.signals import end_at_once_when_told


def main() -> None:
    """Run the program."""
    end_at_once_when_told()
    from pipeline import cli  # takes a third of a second, in which nothing is begun that could be left behind

    cli.main()


if __name__ == "__main__":
    main()
