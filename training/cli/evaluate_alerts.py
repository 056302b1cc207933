"""The command `python -m training evaluate-alerts`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import orjson
import torch
import typer
from rich.console import Console

from models import DEFAULT_CHECKPOINT, Annotator
from models.writers import SOCIAL_ADAPTER
from training.alert_eval.evaluation import AlertEvaluation, ReportRow
from training.alert_eval.gold_posts import GoldPost, read_gold_posts
from training.alert_eval.report.page import to_markdown, write_report
from training.alert_eval.rows import EntitySource, find_rows
from training.alert_eval.scores.describe import describe
from training.alert_eval.scores.ratio import Pairs
from training.cli.options import names_in
from training.corpora.corpus import is_held_out
from training.errors import RecipeError

Post = TypeVar("Post")

_SOURCES: dict[str, tuple[EntitySource, ...]] = {
    "both": ("gold+3", "network"),
    "gold": ("gold+3",),
    "network": ("network",),
}


def evaluate_alerts(
    file: Annotated[
        Path, typer.Argument(help="Posts with acceptable alerts: of the form of alert_gold or alert_hard.")
    ],
    rows: Annotated[str, typer.Option(help="Rows by name, separated by commas; not given: all.")] = "",
    entities: Annotated[
        str, typer.Option(help="Their entities: gold (with three others), network, or both.")
    ] = "both",
    limit: Annotated[int, typer.Option(min=0, help="Take this many posts, evenly spread; 0: all.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each row.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder for alerts.json, alerts.md, reliability.svg, outcomes.jsonl.")
    ] = None,
    llm_url: Annotated[
        str | None, typer.Option(help="LLM server for all rows instead of the embedded one.")
    ] = None,
    adapter: Annotated[Path, typer.Option(help="The alert writer's GGUF adapter.")] = SOCIAL_ADAPTER,
    checkpoint: Annotated[Path, typer.Option(help="The network.")] = DEFAULT_CHECKPOINT,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Only the tenth that no training has seen, by a hash of the id."),
    ] = False,
    source: Annotated[
        str, typer.Option(help="Corpus whose guidelines the network follows, or none; not given: as served.")
    ] = "",
    flips: Annotated[bool, typer.Option(help="Run everything twice, under other seeds.")] = False,
) -> None:
    """Score ways to write alerts: form, entity, theme, truth, confidence, abstention, injections, cost.

    Example: python -m training evaluate-alerts data/alert_gold/dev.jsonl --rows ours,n=8 --limit 60
    """
    if entities not in _SOURCES:
        raise RecipeError(f"--entities {entities}: expected {', '.join(_SOURCES)}")
    evaluation = AlertEvaluation(
        rows=find_rows(names_in(rows)),
        sources=_SOURCES[entities],
        adapter=adapter,
        llm_url=llm_url,
        has_flips=flips,
    )
    posts = spread(chosen_posts(file, held_out=held_out), limit)
    torch.set_num_threads(1)
    annotator = Annotator.from_checkpoint(checkpoint, device="cpu")
    annotator = annotator.following(source or annotator.guidelines)
    network = {"checkpoint": annotator.checkpoint.name, "guidelines": annotator.guidelines}
    about = {"file": file.name, "posts": len(posts), "held_out": held_out, **network}
    _report(evaluation.run(posts, annotator), about, output=output, as_json=as_json)


def chosen_posts(file: Path, *, held_out: bool) -> list[GoldPost]:
    """Return the posts of the file, or those of its held-out tenth.

    Raises:
        CorpusError: the file cannot be read.
        RecipeError: none of the posts is held out.
    """
    posts = read_gold_posts(file)
    if not held_out:
        return posts
    chosen = [post for post in posts if is_held_out(post.id)]
    if not chosen:
        raise RecipeError(f"--held-out: none of the {len(posts)} posts of {file} is in the held-out tenth")
    return chosen


def spread(posts: Sequence[Post], limit: int) -> Sequence[Post]:
    """Return `limit` of the posts at even distances, so that every part of the file is there; all for 0."""
    if limit == 0 or limit >= len(posts):
        return posts
    return [posts[index * len(posts) // limit] for index in range(limit)]


def _report(
    found: Iterable[tuple[ReportRow, Pairs]],
    about: Mapping[str, object],
    *,
    output: Path | None,
    as_json: bool,
) -> None:
    reported: list[ReportRow] = []
    for row, pairs in found:
        reported.append(row)
        if output:
            # Row by row: a run of half an hour that is cut off leaves the rows that are finished.
            _write(output, about, reported, pairs)
        if as_json:
            print(orjson.dumps(row).decode(), flush=True)
    if not as_json:
        Console().print(to_markdown(about, reported), markup=False, highlight=False, soft_wrap=True)


def _write(output: Path, about: Mapping[str, object], reported: Sequence[ReportRow], pairs: Pairs) -> None:
    """Write the report so far, and append the results behind its last row to the log."""
    write_report(output, about, reported)
    setting = reported[-1]["setting"]
    with (output / "outcomes.jsonl").open("ab" if len(reported) > 1 else "wb") as log:
        for post, result in pairs:
            line = {"setting": setting, "outcome": result, **describe(post, result)}
            log.write(orjson.dumps(line) + b"\n")
