"""The program `python -m training`: a command for each step from corpora to reports."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.markup import escape

from models import ModelsError
from training.cli.ablation import ablation_command
from training.cli.bench import bench_command
from training.cli.calibrate import calibrate_command
from training.cli.evaluate import evaluate_command
from training.cli.evaluate_alerts import evaluate_alerts
from training.cli.judge import judge_command
from training.cli.label_sentiment import label_sentiment_command
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
)
from training.cli.seeds import seeds_command
from training.cli.writer import train_writer
from training.console import console
from training.corpora.named import CORPORA, files_in
from training.errors import TrainingError
from training.examples.glove import read_glove
from training.examples.store import FeatureStore, load_examples
from training.network.named_recipes import find_recipe
from training.network.progress import EpochProgress
from training.network.run import TrainingRun
from training.network.run_inputs import RunInputs, untrained_tasks

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=__doc__,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="evaluate")(evaluate_command)
app.command(name="label-sentiment")(label_sentiment_command)
app.command(name="ablation")(ablation_command)
app.command(name="seeds")(seeds_command)
app.command(name="bench")(bench_command)
app.command(name="evaluate-alerts")(evaluate_alerts)
app.command(name="writer")(train_writer)
app.command(name="judge")(judge_command)
app.command(name="calibrate")(calibrate_command)


@app.command()
def prepare(
    corpora: Annotated[
        list[str] | None,
        typer.Argument(help="Names, files, or folders of files; not given: all known corpora."),
    ] = None,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
) -> None:
    """Tokenise and parse corpora into the cache. Corpora that are there already stay; a killed run goes on.

    Files are JSON lines (`.jsonl`) or columns with a token and its tag (`.tsv`, `.txt`, `.conll`, `.bio`, `.iob`).

    Example: python -m training prepare conll2003-train my_folder mine.conll
    """
    store = FeatureStore(cache, data_folder)
    names = [
        part
        for name in corpora or CORPORA
        for part in (files_in(Path(name)) if Path(name).is_dir() else [name])
    ]
    load_examples(store, names)


@app.command()
def train(
    variant: Annotated[str, typer.Option(help="The paper's A-E, or F.")] = "E",
    recipe: RecipeName = "paper",
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run; not given: runs/VARIANT-RECIPE.")
    ] = None,
    num_epochs: Annotated[int | None, typer.Option(help="Short for --set num_epochs=N.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Short for --set max_seconds=S.")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=N.")] = None,
    change: Changes = None,
    name: Annotated[str | None, typer.Option(help="The checkpoint's name; not given: the recipe's.")] = None,
    glove: GloveFile = GLOVE,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
    num_threads: NumThreads = 1,
) -> None:
    """Train a variant and keep the best epoch. The same command goes on with a run that was killed.

    The default recipe follows Table 2 of the paper.

    Example: python -m training train --variant F --recipe plain --output runs/f --set learning_rate=0.001
    """
    torch.set_num_threads(num_threads)
    short = {"num_epochs": num_epochs, "max_seconds": max_seconds, "seed": seed}
    changes = [f"{key}={value}" for key, value in short.items() if value is not None] + (change or [])
    settings = find_recipe(recipe).with_changes(changes)
    output = output or ROOT / "runs" / f"{variant}-{recipe}"
    run = TrainingRun(variant, settings, output, name=name or recipe)
    store = FeatureStore(cache, data_folder)
    inputs = RunInputs(
        train=load_examples(store, settings.train),
        dev=load_examples(store, settings.dev),
        pretrained=read_glove(glove),
    )
    for task in untrained_tasks(inputs.train):
        console.print(
            f"[yellow]no corpus has labels for {task.value}:[/] the checkpoint's predictions of them will be random"
        )
    with EpochProgress(console, settings.num_epochs) as progress:
        run.run(inputs, on_step=progress.on_step, on_epoch=progress.on_epoch)
    console.print(f"checkpoint: {output / 'checkpoint'}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program (with the command line's arguments if None). Mistakes end it with a message and status 1."""
    try:
        app(arguments)
    except (TrainingError, ModelsError, OSError) as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
