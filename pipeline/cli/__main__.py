"""The entry point of the program `tocsin`. Ctrl-C and SIGTERM end it cleanly even while the rest loads."""

from __future__ import annotations

from pipeline.stopping import end_at_once_on_signal


def main() -> None:
    """Run the program."""
    end_at_once_on_signal()
    from pipeline.cli.main import main as run_program  # takes a moment, in which nothing is begun

    run_program()


if __name__ == "__main__":
    main()
