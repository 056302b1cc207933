"""The command `python -m training evaluate-alerts`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import torch
import typer
from rich.console import Console

from models import DEFAULT_CHECKPOINT, Annotator
from training.alert_eval.evaluation import AlertEvaluation
from training.alert_eval.gold_posts import read_gold_posts
from training.alert_eval.report import to_markdown, write_report
from training.alert_eval.rows import EntitySource, find_settings
from training.alert_eval.server import ADAPTER
from training.errors import RecipeError

_SOURCES: dict[str, tuple[EntitySource, ...]] = {
    "both": ("gold+3", "network"),
    "gold": ("gold+3",),
    "network": ("network",),
}


def evaluate_alerts(
    file: Annotated[
        Path, typer.Argument(help="Posts with acceptable alerts: alert_gold/dev.jsonl or its form.")
    ],
    rows: Annotated[str, typer.Option(help="Rows by name, separated by commas; all if empty.")] = "",
    entities: Annotated[str, typer.Option(help="both, gold (and three others) or network.")] = "both",
    limit: Annotated[int, typer.Option(min=0, help="Only so many posts, evenly spread; 0: all.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a row.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder for alerts.json, alerts.md, outcomes.jsonl.")
    ] = None,
    llm_url: Annotated[
        str | None, typer.Option(help="Server for all rows instead of the embedded one.")
    ] = None,
    adapter: Annotated[Path, typer.Option(help="The writer's GGUF adapter.")] = ADAPTER,
    checkpoint: Annotated[Path, typer.Option(help="The network.")] = DEFAULT_CHECKPOINT,
    source: Annotated[
        str, typer.Option(help="Corpus whose guidelines the network follows, or none; not given: as served.")
    ] = "",
    flips: Annotated[bool, typer.Option(help="Run all twice, under other seeds.")] = False,
) -> None:
    """Score ways to write alerts: form, entity, theme, abstention, injections, cost.

    Example: python -m training evaluate-alerts ../shared/data/alert_gold/dev.jsonl --rows ours,n=8 --limit 60
    """
    if entities not in _SOURCES:
        raise RecipeError(f"--entities {entities}: expected {', '.join(_SOURCES)}")
    names = [name.strip() for name in rows.split(",") if name.strip()]
    evaluation = AlertEvaluation(
        settings=find_settings(names),
        sources=_SOURCES[entities],
        adapter=adapter,
        llm_url=llm_url,
        has_flips=flips,
    )
    torch.set_num_threads(1)
    annotator = Annotator.from_checkpoint(checkpoint, device="cpu")
    annotator = annotator.following(source or annotator.guidelines)
    posts = spread(read_gold_posts(file), limit)
    network = {"checkpoint": annotator.checkpoint.name, "guidelines": annotator.guidelines}
    about = {"file": file.name, "posts": len(posts), **network}
    found: list[dict[str, object]] = []
    for row in _rows(evaluation, posts, annotator, about, output):
        found.append(row)
        if as_json:
            print(orjson.dumps(row).decode(), flush=True)
    if not as_json:
        Console().print(to_markdown(about, found), markup=False, highlight=False, soft_wrap=True)


def spread(posts: list[Any], limit: int) -> list[Any]:
    """Return `limit` of the posts at even distances, so that every part of the file is there; all for 0."""
    if limit in (0, len(posts)) or limit > len(posts):
        return posts
    return [posts[index * len(posts) // limit] for index in range(limit)]


def _rows(
    evaluation: AlertEvaluation,
    posts: list[Any],
    annotator: Annotator,
    about: dict[str, object],
    output: Path | None,
) -> Iterator[dict[str, object]]:
    """Yield the rows, and write them down one by one: a run of half an hour that is cut off leaves what it has."""
    found: list[dict[str, object]] = []
    for row, outcomes in evaluation.run(posts, annotator):
        found.append(row)
        yield row
        if output:
            write_report(output, about, found)
            with (output / "outcomes.jsonl").open("ab" if len(found) > 1 else "wb") as log:
                log.writelines(
                    orjson.dumps({"setting": row["setting"], "outcome": outcome}) + b"\n"
                    for outcome in outcomes
                )
