"""The entry point of `tocsin`. From here on Ctrl-C and SIGTERM end the program cleanly, also while the rest loads."""

from __future__ import annotations

from pipeline.cli.signals import end_at_once_when_told


def main() -> None:
    """Run the program."""
    end_at_once_when_told()
    from pipeline.cli.main import main as run_program  # loads for a while, and nothing is begun meanwhile

    run_program()


if __name__ == "__main__":
    main()
