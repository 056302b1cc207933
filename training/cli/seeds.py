"""`python -m training seeds`: one configuration with several seeds, and the means of its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from training.ablation.results import RunResult, read_results, spread_of
from training.ablation.rows import find_rows
from training.ablation.session import AblationPaths, AblationSession
from training.cli.options import (
    CACHE_FOLDER,
    DATA_FOLDER,
    GLOVE,
    ROOT,
    CacheFolder,
    Changes,
    DataFolder,
    GloveFile,
    NumThreads,
    RecipeName,
    names_in,
)
from training.corpora.named import TEST_CORPORA, guidelines_of
from training.errors import RecipeError
from training.network.named_recipes import find_recipe

SCORES_FILE = "scores.json"

Condensed = Mapping[str, Mapping[str, Sequence[float]]]
"""The values of all seeds by corpus and score."""


def seeds_command(
    variant: Annotated[str, typer.Option(help="The paper's A-E, F, or a row of the ablation.")] = "F",
    recipe: RecipeName = "plain",
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with seeds 1, 2, ...")] = 3,
    test: Annotated[
        str,
        typer.Option(
            help="Corpora to score once for each run, with commas; not given: the test splits of the dev corpora."
        ),
    ] = "",
    change: Changes = None,
    output: Annotated[Path | None, typer.Option(help="Folder; not given: runs/seeds-VARIANT-RECIPE.")] = None,
    glove: GloveFile = GLOVE,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
    num_threads: NumThreads = 1,
) -> None:
    """Train with several seeds, score each run's best epoch once, and give means with their spread.

    Called again, it goes on. The means are in scores.json beside the runs, each of which keeps its checkpoint.

    Example: python -m training seeds --variant F --recipe plain --seeds 3
    """
    torch.set_num_threads(num_threads)
    settings = find_recipe(recipe).with_changes(change or [])
    output = output or ROOT / "runs" / f"seeds-{variant}-{recipe}"
    paths = AblationPaths(output=output, work=output, data=data_folder, cache=cache, glove=glove)
    tests = names_in(test) or _test_splits(settings.dev)
    if not tests:
        raise RecipeError(
            "name the corpora to score by --test: no dev corpus of the recipe has a known test split"
        )
    AblationSession(settings, paths, tests, name=recipe).run(find_rows([variant]), seeds)
    results = [result for result in read_results(output) if result.row == variant and result.seed <= seeds]
    results.sort(key=lambda result: result.seed)
    write_scores(output / SCORES_FILE, results)
    tested = _condense([result.test for result in results])
    Console().print(_table(tested, [result.seed for result in results]))


def write_scores(path: Path, results: Sequence[RunResult]) -> None:
    """Write what was trained, and the scores of all seeds with their mean and standard deviation."""
    recipe = {key: value for key, value in results[0].recipe.items() if key != "seed"}
    document = {
        "row": results[0].row,
        "seeds": [result.seed for result in results],
        "recipe": recipe,
        "model": results[0].model,
        "versions": [result.versions for result in results],
        "best_epochs": [result.best_epoch for result in results],
        "dev": _describe(_condense([result.dev for result in results])),
        "test": _describe(_condense([result.test for result in results])),
    }
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def _test_splits(dev: Sequence[str]) -> list[str]:
    return [name for name in (f"{guidelines_of(corpus)}-test" for corpus in dev) if name in TEST_CORPORA]


def _condense(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> Condensed:
    return {
        corpus: {score: [run[corpus][score] for run in runs] for score in of_corpus}
        for corpus, of_corpus in runs[0].items()
    }


def _describe(scores: Condensed) -> dict[str, Any]:
    return {
        corpus: {name: asdict(spread_of(values)) | {"values": values} for name, values in of_corpus.items()}
        for corpus, of_corpus in scores.items()
    }


def _table(scores: Condensed, seeds: Sequence[int]) -> Table:
    names = (Column(name, no_wrap=True) for name in ("corpus", "score", "mean", "±"))
    table = Table(*names, *(f"seed {seed}" for seed in seeds), box=SIMPLE_HEAD, collapse_padding=True)
    for corpus, of_corpus in scores.items():
        for name, values in of_corpus.items():
            spread = spread_of(values)
            shown = (f"{100 * value:.2f}" for value in (spread.mean, spread.deviation, *values))
            table.add_row(corpus, name, *shown)
    return table
