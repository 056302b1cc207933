"""`python -m training ablation`: train what is missing, measure, report."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from training.ablation.report import write_report
from training.ablation.results import read_results
from training.ablation.rows import DEFAULT_ROWS, find_rows
from training.ablation.session import DATA_FILE, AblationPaths, AblationSession, read_json, read_speed
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
    names_in,
)
from training.console import console
from training.network.named_recipes import ABLATION_TEST, find_recipe


def ablation_command(
    variants: Annotated[
        str, typer.Option(help="Rows, with commas; see `training.ablation.rows`.")
    ] = ",".join(DEFAULT_ROWS),
    seeds: Annotated[int, typer.Option(min=1, help="Runs for each row, with seeds 1, 2, ...")] = 3,
    num_epochs: Annotated[int | None, typer.Option(help="Short for --set num_epochs=N.")] = None,
    change: Changes = None,
    test: Annotated[str, typer.Option(help="Corpora to score once for each run, with commas.")] = ",".join(
        ABLATION_TEST
    ),
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Train nothing, measure nothing.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Results and report.")] = ROOT
    / "training"
    / "results"
    / "ablation",
    work: Annotated[Path, typer.Option(help="Checkpoints, and states of cut-off runs.")] = ROOT
    / "runs"
    / "ablation",
    glove: GloveFile = GLOVE,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
    num_threads: NumThreads = 1,
) -> None:
    """Train every variant with several seeds and write the comparison. Called again, it goes on.

    Example: python -m training ablation --variants E,F,F-softmax --seeds 3 --num-epochs 6
    """
    torch.set_num_threads(num_threads)
    paths = AblationPaths(output=output, work=work, data=data_folder, cache=cache, glove=glove)
    if not report_only:
        changes = [] if num_epochs is None else [f"num_epochs={num_epochs}"]
        recipe = find_recipe("ablation").with_changes([*changes, *(change or [])])
        ablation = AblationSession(recipe, paths, names_in(test), name="ablation")
        ablation.run(find_rows(names_in(variants)), seeds)
        ablation.measure()
    write_report(output, read_results(output), read_json(output / DATA_FILE), read_speed(output))
    console.print(f"report: {output / 'README.md'}")
