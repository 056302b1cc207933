"""What is written about the settings, brought up to date.

python -m pipeline.settings           writes docs/settings.md and the comments of deploy/tocsin.env
python -m pipeline.settings --check   says what differs, and ends with status 1 if anything does
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from pipeline.settings.document import render_env_file, render_page

ROOT = Path(__file__).parents[2]


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write or check the files of a checkout; returns the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = _find_stale(root)
    for file, text in stale.items():
        if arguments:
            _show_difference(file.relative_to(root), _read(file), text)
        else:
            file.write_text(text, encoding="utf-8")
    return 1 if arguments and stale else 0


def _find_stale(root: Path) -> dict[Path, str]:
    """Return the files that differ from what the fields say, each with the text that it should have."""
    env_file = root / "deploy" / "tocsin.env"
    current = {root / "docs" / "settings.md": render_page(), env_file: render_env_file(_read(env_file))}
    return {file: text for file, text in current.items() if _read(file) != text}


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _show_difference(name: Path, old: str, new: str) -> None:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(name), "generated", lineterm="", n=0)
    print(f"{name} is not current: run python -m pipeline.settings", *lines, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
