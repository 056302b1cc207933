"""Prints a table of detectors: posts that they would cost, posts of other languages that they find, time and memory.

    python -m pipeline.offline.language_bench --data FOLDER [--detector NAME]

A post is taken for one of another language if the detector says so with at least this probability, and the post has at
least 24 bytes of words. Each detector runs in a process of its own, on one thread, in CPU time. Those that are not
installed are left out: `pip install pycld2 py3langid lingua-language-detector`, in an environment of your own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.offline.language_bench.detectors import DETECTORS
from pipeline.offline.language_bench.posts import english_posts, own_sentences, read_posts

_MIN_BYTES = 24
_PROBABILITIES = (0.5, 0.7, 0.9)
_HEAD = (
    "detector",
    "from",
    "English posts lost, per 1,000",
    "others found: dev",
    "held out",
    "own sentences",
    "right code",
    "µs a post",
    "MB",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or the rows of one detector; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--detector", choices=list(DETECTORS), help="print its rows alone")
    chosen = parser.parse_args(arguments)
    if chosen.detector:
        print("\n".join(_rows(chosen.detector, chosen.data)))
        return 0
    print(_row(*_HEAD), _row(*["---"] * len(_HEAD)), sep="\n", flush=True)
    for name in DETECTORS:
        print(_rows_by_process(name, chosen.data), flush=True)
    return 0


def _rows_by_process(name: str, data: Path) -> str:
    command = [
        sys.executable,
        "-m",
        __package__,
        "--data",
        str(data),
        "--detector",
        name,
    ]
    threads = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - our own program
        command, env=os.environ | threads, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout.rstrip()
    return _row(name, "not measured: " + (done.stderr.strip().splitlines() or ["it ended"])[-1])


def _rows(name: str, data: Path) -> list[str]:
    english, own = english_posts(data), own_sentences()
    halves = [read_posts(data, half) for half in ("dev", "held")]
    before = _megabytes()
    detect = DETECTORS[name]()
    detect("a sentence that loads the model")
    megabytes = _megabytes() - before
    began = time.process_time()
    found = [(detect(words) if words else ("", 0.0), words) for words in english]
    microseconds = (time.process_time() - began) / len(english) * 1e6
    others = [[(detect(words), words) for code, words in half if code != "en"] for half in halves]
    guesses = [(detect(words), words) for _, words in own]
    right = sum(guess[0] == code for (guess, _), (code, _) in zip(guesses, own, strict=True))
    return [
        _row(
            name,
            least,
            f"{1000 * _share(found, least):.2f}",
            *(f"{_share(posts, least):.0%}" for posts in (*others, guesses)),
            f"{right} of {len(own)}",
            f"{microseconds:.0f}",
            f"{megabytes:.0f}",
        )
        for least in _PROBABILITIES
    ]


def _share(found: Sequence[tuple[tuple[str, float], str]], least: float) -> float:
    """Return the share of posts that are taken for ones of another language than English."""
    taken = [
        code not in ("", "en") and probability >= least and len(words.encode()) >= _MIN_BYTES
        for (code, probability), words in found
    ]
    return sum(taken) / len(taken)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
