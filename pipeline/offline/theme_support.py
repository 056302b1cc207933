"""Learns which words go with those of themes, and measures the rule `theme_unsupported` by both of its errors.

    python -m pipeline.offline.theme_support learn DATA
    python -m pipeline.offline.theme_support measure DATA

`DATA` holds `alert_hard/train.jsonl`, `alert_train/train.jsonl` and `alert_gold/dev.jsonl`; they are not part of this
repository. A tenth of the first two, by a hash of the id, is held out. The rows of the training part are measured in
five folds: each by associations that were learnt on the other four.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.prompts.plain_text import seen
from pipeline.alert.evidence import content_stems, stems_of_post
from pipeline.alert.grounds import support
from pipeline.alert.grounds.support import Associations, shipped_associations

# Chosen on the training part: most wrong alerts rejected with at most one right alert in a hundred lost.
MIN_SHARE = 0.0035  # of posts whose right alerts have a stem; a rarer one is not judged
MIN_TOGETHER = 3  # posts that have both
MIN_LIFT = 1.0  # times as often together as by chance, counts discounted by one
_FOLDS = 5
_FILE = Path(support.__file__).with_name(support.ASSOCIATIONS_FILE)
_RIGHT = "right"


@dataclass(frozen=True)
class Row:
    """A labelled post: the stems of its text, and its themes, each with "right" or why it is wrong."""

    id: str
    stems: frozenset[str]
    themes: tuple[tuple[str, str], ...]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file of labelled posts."""
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [Row(line["id"], stems_of_post(seen(line["text"])), tuple(_themes(line))) for line in lines]


def _themes(line: dict[str, list[dict[str, str]]]) -> Iterable[tuple[str, str]]:
    yield from ((_RIGHT, alert["theme"]) for alert in line.get("alerts", ()))
    yield from ((_RIGHT, str(theme)) for theme in line.get("themes", ()))
    yield from ((alert["why"], alert["theme"]) for alert in line.get("wrong", ()))


def is_held_out(row_id: str) -> bool:
    """Return whether a row is kept out, as `training.corpora.corpus.is_held_out` has it."""
    return hashlib.sha256(row_id.encode()).digest()[0] % 10 == 0


def learn(rows: Sequence[Row]) -> Associations:
    """Return the stems of posts that stand more often than by chance beside a stem of right themes."""
    of_post = Counter(stem for row in rows for stem in row.stems)
    of_theme: Counter[str] = Counter()
    together: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for stem in {stem for why, theme in row.themes if why == _RIGHT for stem in content_stems(theme)}:
            of_theme[stem] += 1
            together[stem].update(row.stems)

    def goes_with(stem: str, word: str, count: int) -> bool:
        by_chance = of_theme[stem] * of_post[word] / len(rows)
        return count >= MIN_TOGETHER and word.isascii() and count - 1 >= MIN_LIFT * (by_chance + 1)

    return Associations.of(
        {
            stem: [word for word, count in together[stem].items() if goes_with(stem, word, count)]
            for stem, count in of_theme.items()
            if count >= MIN_SHARE * len(rows) and stem.isascii()
        }
    )


Judge = Callable[[Row, str], bool]


def by_words(row: Row, theme: str) -> bool:
    """Return whether the post lacks all of the theme's stems: the simplest rule, for comparison."""
    return content_stems(theme).isdisjoint(row.stems)


def in_folds(rows: Sequence[Row]) -> Judge:
    """Return the rule with associations that were learnt on the four folds in which the row is not."""

    def fold(row: Row) -> int:
        return hashlib.sha256(f"fold {row.id}".encode()).digest()[0] % _FOLDS

    learnt = [learn([row for row in rows if fold(row) != index]) for index in range(_FOLDS)]
    return lambda row, theme: not learnt[fold(row)].support(theme, row.stems)


def by_shipped(row: Row, theme: str) -> bool:
    """Return the verdict of the rule as it is shipped."""
    return not shipped_associations().support(theme, row.stems)


def shares(rows: Sequence[Row], is_rejected: Judge) -> str:
    """Return how many themes are rejected, by why they are wrong."""
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        for why, theme in row.themes:
            counts[why].append(is_rejected(row, theme))
    wrong = [verdict for why, verdicts in counts.items() if why != _RIGHT for verdict in verdicts]
    groups = {_RIGHT: counts.pop(_RIGHT, []), "wrong": wrong, **dict(sorted(counts.items()))}
    return ", ".join(f"{why} {sum(all_)}/{len(all_)}" for why, all_ in groups.items() if all_)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the associations, or print how many themes the rule rejects."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("learn", "measure"))
    parser.add_argument("data", type=Path)
    chosen = parser.parse_args(arguments)
    hard, usual = (read_rows(chosen.data / name / "train.jsonl") for name in ("alert_hard", "alert_train"))
    trained = [row for row in (*hard, *usual) if not is_held_out(row.id)]
    if chosen.task == "learn":
        found = sorted((stem, sorted(words)) for stem, words in learn(trained).of_theme.items())
        _FILE.write_text("".join(f"{stem}: {' '.join(words)}\n" for stem, words in found), encoding="ascii")
        return
    held = [row for row in hard if is_held_out(row.id)]
    parts = {
        "hard, trained on": [row for row in hard if not is_held_out(row.id)],
        "usual, trained on": [row for row in usual if not is_held_out(row.id)],
    }
    for name, rows in {
        **parts,
        "hard, held out": held,
        "gold": read_rows(chosen.data / "alert_gold/dev.jsonl"),
    }.items():
        rule = in_folds(trained) if name in parts else by_shipped
        print(f"{name}: words alone: {shares(rows, by_words)}\n{name}: the rule: {shares(rows, rule)}")
    began = time.process_time()
    themes = sum(len(row.themes) for row in hard)
    shares(hard, by_shipped)
    print(f"{(time.process_time() - began) / themes * 1e6:.1f} µs a theme")


if __name__ == "__main__":
    main()
