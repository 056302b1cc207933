"""What the runs show, in sentences that depend on the figures."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.ablation.comparison import (
    MAX_ENTITY_LOSS,
    MAX_SENTIMENT_LOSS,
    QUESTIONS,
    Choice,
    Difference,
    compare,
)
from training.ablation.paper import TABLE_3
from training.ablation.results import RowSummary
from training.scoring.bootstrap import CONFIDENCE, NUM_RESAMPLES

Rows = Mapping[str, RowSummary]

_TASKS = {"entity_f1": "entity F1", "sentiment_accuracy": "sentiment accuracy"}


def differences(rows: Rows, data: Mapping[str, Any]) -> Iterator[str]:
    """A table of what each part adds, and a sentence for each question."""
    yield "## What each part adds"
    yield ""
    yield (
        f"Points by which the first row's mean lies above the second's, with {CONFIDENCE:.0%} intervals of a paired "
        f"bootstrap ({NUM_RESAMPLES:,} replicates; each draws the test texts anew, the same for both rows, and which "
        "seeds make up the means). **Bold**: the interval leaves out zero. With so many comparisons expect one in "
        "twenty to do so by chance, and with few seeds the intervals are a little too narrow."
    )
    yield ""
    yield "| part | rows | entity F1 | sentiment accuracy |"
    yield "|---|---|---|---|"
    verdicts: list[str] = []
    for part, pairs in QUESTIONS:
        found = [compare(rows, pair, data) for pair in pairs if set(pair) <= rows.keys()]
        for of_pair in found:
            cells = " | ".join(_cell(of_pair.get(task)) for task in _TASKS)
            first = next(iter(of_pair.values()))
            yield f"| {part} | {first.first} − {first.second} | {cells} |"
        verdicts += [_verdict(part, found, task) for task in _TASKS if found]
    yield ""
    yield from (f"- {verdict}" for verdict in verdicts)


def against_the_paper(rows: Rows, data: Mapping[str, Any]) -> Iterator[str]:
    """Each claim of the paper that the runs can test, and whether they confirm it."""
    yield "## The paper's claims"
    yield ""
    for claim, pair, task, is_up in (
        ("characters help entities (E over C)", ("E", "C"), "entity_f1", True),
        ("characters help sentiment (E over C)", ("E", "C"), "sentiment_accuracy", True),
        (
            "syntax helps entities once there are characters (its conclusion on E)",
            ("E", "F"),
            "entity_f1",
            True,
        ),
        ("without characters syntax does not help entities (D over C)", ("D", "C"), "entity_f1", True),
        ("the plain LSTM is worst at sentiment (C over D)", ("C", "D"), "sentiment_accuracy", True),
        ("a shared encoder is at least as good for entities (E over A)", ("E", "A"), "entity_f1", True),
        (
            "a shared encoder is at least as good for sentiment (E over A)",
            ("E", "A"),
            "sentiment_accuracy",
            True,
        ),
    ):
        if set(pair) <= rows.keys() and (found := compare(rows, pair, data).get(task)):
            yield f'- "{claim}": {_judge(found, is_up=is_up)} ({_cell(found)} points{_printed(pair, task)})'
    yield from _best(rows)


def choice_sentences(rows: Rows, choice: Choice, data: Mapping[str, Any]) -> Iterator[str]:
    """The rule, what it picks, and what the test scores say of that."""
    yield (
        f"The rule: good enough is a row whose mean dev scores lie at most {100 * MAX_ENTITY_LOSS:g} points below the "
        f"best row's entity F1 ({choice.best_entities}, {_dev(rows, choice.best_entities, 'entity_f1')}) and at most "
        f"{100 * MAX_SENTIMENT_LOSS:g} below the best row's sentiment accuracy ({choice.best_sentiment}, "
        f"{_dev(rows, choice.best_sentiment, 'sentiment_accuracy')}); the simplest of them annotates most posts a "
        "second. Test scores take no part."
    )
    yield ""
    others = [name for name in choice.good_enough if name != choice.simplest]
    also = f"Also good enough: {', '.join(others)}." if others else "No other row is good enough."
    what = rows[choice.simplest].what
    yield f"**{choice.simplest}** ({what}) is the simplest that is good enough. {also}{_pace(rows, choice)}"
    yield ""
    yield from _in_hindsight(rows, data)


def _in_hindsight(rows: Rows, data: Mapping[str, Any]) -> Iterator[str]:
    """The fastest row that the test scores cannot tell from the best, at either task."""
    alike = [name for name in rows if all(not _is_below_best(rows, name, task, data) for task in _TASKS)]
    if not all(row.annotator_rate for row in rows.values()) or not alike:
        return
    fastest = max(alike, key=lambda name: rows[name].annotator_rate or 0)
    yield (
        f"In hindsight, by test scores, which choose nothing here: {', '.join(alike)} cannot be told from the row with "
        f"the best mean, neither in entity F1 nor in sentiment accuracy. The fastest of them is {fastest}, with "
        f"{(rows[fastest].annotator_rate or 0) / min(rows[name].annotator_rate or 1 for name in alike):.1f} times the "
        "posts a second of the slowest."
    )


def _is_below_best(rows: Rows, name: str, task: str, data: Mapping[str, Any]) -> bool:
    best = max(rows, key=lambda other: rows[other].test[task].mean)
    if name == best:
        return False
    found = compare(rows, (best, name), data).get(task)
    return found is not None and found.is_shown


def _pace(rows: Rows, choice: Choice) -> str:
    own, best = rows[choice.simplest], rows[choice.best_entities]
    if not (own.annotator_rate and best.annotator_rate) or own is best:
        return ""
    gap = 100 * (best.test["entity_f1"].mean - own.test["entity_f1"].mean)
    return (
        f" It annotates {own.annotator_rate / best.annotator_rate:.1f} times as many posts a second as {best.name}, "
        f"the best at entities by dev, and is {abs(gap):.2f} points {'below' if gap > 0 else 'above'} it on test."
    )


def _best(rows: Rows) -> Iterator[str]:
    compared = [name for name in rows if name in TABLE_3]
    if len(compared) < len(TABLE_3):
        return
    for column, (task, phrase) in enumerate(
        (("token_weighted_f1", "its own NER metric"), ("sentiment_accuracy", "sentiment accuracy"))
    ):
        ours = max(compared, key=lambda name: rows[name].test[task].mean)
        theirs = max(compared, key=lambda name: TABLE_3[name][column])
        agrees = "as in the paper" if ours == theirs else f"not {theirs}, as in the paper"
        yield f"- By {phrase}, {ours} has the highest mean of A to E here, {agrees}."


def _verdict(part: str, found: list[dict[str, Difference]], task: str) -> str:
    of_task = [differences_[task] for differences_ in found if task in differences_]
    shown = [d for d in of_task if d.is_shown]
    name = _TASKS[task]
    pairs = ", ".join(f"{d.first} − {d.second} {100 * d.mean:+.2f}" for d in shown)
    if not shown:
        return f"{part}: no difference in {name} that these runs can show."
    signs = {d.mean > 0 for d in shown}
    effect = "both ways" if len(signs) == 2 else ("higher" if signs == {True} else "lower")
    return f"{part}: {name} is {effect} in {len(shown)} of {len(of_task)} comparisons ({pairs})."


def _judge(found: Difference, *, is_up: bool) -> str:
    if not found.is_shown:
        return "**not shown**: the difference could be chance"
    return "**holds here**" if (found.mean > 0) == is_up else "**contradicted**"


def _printed(pair: tuple[str, str], task: str) -> str:
    if not set(pair) <= TABLE_3.keys():
        return ""
    column = 0 if task == "entity_f1" else 1
    printed = TABLE_3[pair[0]][column] - TABLE_3[pair[1]][column]
    return f"; the paper: {printed:+.2f}{' by its token F1' if column == 0 else ''}"


def _cell(difference: Difference | None) -> str:
    if difference is None:
        return ""
    bounds = f"{100 * difference.mean:+.2f} ({100 * difference.low:+.2f} to {100 * difference.high:+.2f})"
    return f"**{bounds}**" if difference.is_shown else bounds


def _dev(rows: Rows, name: str, score: str) -> str:
    return f"{100 * rows[name].dev[score].mean:.2f}"
