"""`python -m training evaluate`: scores with intervals and baselines, for people or as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import torch
import typer
from rich.console import Console
from rich.table import Column, Table

from models import Annotator, Checkpoint
from training.cli.options import DATA_FOLDER, DataFolder, NumThreads
from training.console import console
from training.corpora.label_mapping import parse_mapping
from training.corpora.labelled_text import LabelledText
from training.corpora.named import CORPORA, TEST_CORPORA, find_corpus, guidelines_of
from training.corpora.retokenise import corpus_tags, corpus_words
from training.errors import LabelError, TrainingError
from training.scoring.baselines import frequent_tags
from training.scoring.evaluation import SCORE_NAMES, evaluate

Result = Mapping[str, Any]

# Not the name of a corpus: the guidelines that the pipeline would follow.
AS_SERVED = "default"
_BY_ROW = "by row"


def evaluate_command(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    data: Annotated[list[str], typer.Argument(help="Names of corpora, or files.")],
    mapping: Annotated[str, typer.Option("--map", help="`wnut17`, `wnut16` or from=to,from=to.")] = "",
    where: Annotated[str, typer.Option(help="Only rows with field=value.")] = "",
    source: Annotated[
        str,
        typer.Option(
            help="Corpus whose guidelines to follow, or none; `default`: as served; not given: each named corpus's "
            "own, or in a file those that a row's field `source` names."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each file.")] = False,
    output: Annotated[Path | None, typer.Option(help="Also write the objects to a JSON file.")] = None,
    data_folder: DataFolder = DATA_FOLDER,
    num_threads: NumThreads = 1,
) -> None:
    """Score a checkpoint on corpora, entities strictly by span and type.

    Beside each score stand a bootstrap interval and what trivial guesses score. The guess by words needs the corpora
    that the checkpoint was trained on.

    Example: python -m training evaluate models/checkpoints/social conll2003-test mine.jsonl --json
    """
    torch.set_num_threads(num_threads)
    types = parse_mapping(mapping) if mapping else {}
    corpora = {name: find_corpus(name, {**CORPORA, **TEST_CORPORA}) for name in data}
    annotator = Annotator.from_checkpoint(checkpoint, device="cpu")
    if source:
        annotator = annotator.following(annotator.guidelines if source == AS_SERVED else source)
        source = annotator.guidelines
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
    rows_of = {name: _choose(corpus.read(data_folder), where, name) for name, corpus in corpora.items()}
    asked = {"where": where or None, "map": mapping or None}
    scored = _score(annotator, rows_of, types, data_folder=data_folder, guidelines=source)
    results: list[Result] = []
    for name, of_corpus in scored:
        results.append({"file": name, **asked, **of_corpus})
        _print_result(results[-1], as_json=as_json)
    if output:
        output.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")


def _score(
    annotator: Annotator,
    rows_of: Mapping[str, Sequence[LabelledText]],
    types: Mapping[str, str],
    *,
    data_folder: Path,
    guidelines: str,
) -> Iterator[tuple[str, Result]]:
    """Yield each corpus's name and scores; guidelines "" are each corpus's own."""
    checkpoint = annotator.checkpoint
    tag_of = _learn_tags(checkpoint, data_folder) if _any_tagged(rows_of.values()) else {}
    for name, rows in rows_of.items():
        origin = {
            "source": guidelines or _own_guidelines(name, rows, checkpoint.config.sources),
            "num_texts": len(rows),
            "checkpoint": checkpoint.name,
            "sha256": checkpoint.sha256,
        }
        followed = guidelines or guidelines_of(name)
        yield name, {**origin, **evaluate(annotator, rows, types, tag_of=tag_of, guidelines=followed)}


def _own_guidelines(name: str, rows: Sequence[LabelledText], known: Sequence[str]) -> str | None:
    """Return whose guidelines a corpus is scored by if no option says so.

    They are the corpus's own, or those that its rows name. None: those that the network follows when it serves.
    """
    if own := guidelines_of(name):
        return own if own in known else None
    return _BY_ROW if any(row.fields.get("source") in known for row in rows) else None


def _choose(rows: Sequence[LabelledText], where: str, name: str) -> Sequence[LabelledText]:
    field, _, value = where.partition("=")
    chosen = [row for row in rows if not where or str(row.fields.get(field)) == value]
    if not chosen:
        raise LabelError(f"{name}: no rows{f' with {where}' if where else ''}")
    return chosen


def _any_tagged(corpora: Iterable[Sequence[LabelledText]]) -> bool:
    return any(row.entities is not None for rows in corpora for row in rows)


def _learn_tags(checkpoint: Checkpoint, data_folder: Path) -> dict[str, str]:
    """Return each word's most frequent tag in the checkpoint's training corpora, as far as they are here."""
    rows: list[LabelledText] = []
    for name in checkpoint.metadata.get("data", {}):
        try:
            rows += find_corpus(name).read(data_folder)
        except TrainingError as error:
            console.print(f"baseline without {name}: {error}", highlight=False, markup=False)
    tagged = [row for row in rows if row.entities is not None]
    return frequent_tags((corpus_words(row), corpus_tags(row)) for row in tagged)


def _print_result(result: Result, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(result).decode())
        return
    out = Console()
    out.print(_scores_table(result))
    for title, classes in (
        ("entity types", result["entity_classes"]),
        ("sentiments", result["sentiment_classes"]),
    ):
        if classes:
            out.print(_classes_table(title, classes))


def _scores_table(result: Result) -> Table:
    baselines: Mapping[str, Mapping[str, float]] = result["baselines"]
    guesses = [f"guess: {name.replace('_', ' ')}" for name in baselines]
    title = f"{result['file']} ({result['num_texts']} texts)"
    # On a narrow terminal only the guesses are wrapped.
    whole = (Column(name, no_wrap=True) for name in ("score", "value", "95 % interval"))
    table = Table(*whole, *guesses, title=title)
    for name in SCORE_NAMES:
        bounds = result["intervals"][name]
        interval = " to ".join(map(_percent, bounds)) if bounds else "-"
        table.add_row(
            name,
            _percent(result[name]),
            interval,
            *(_percent(scores.get(name)) for scores in baselines.values()),
        )
    return table


def _classes_table(title: str, classes: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title, "precision", "recall", "F1", "gold")
    for label, scores in classes.items():
        values = (_percent(scores[name]) for name in ("precision", "recall", "f1"))
        table.add_row(label, *values, f"{scores['num_gold']:,}")
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
