"""The command `python -m training writer`; it runs in the environment that `make writer-env` makes."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from models import DEFAULT_CHECKPOINT
from training.cli.options import DATA_FOLDER, ROOT
from training.console import console
from training.writer.run import SAMPLE_VERDICTS, WriterSources, run_writer
from training.writer.trainer import WriterRecipe

_POSTS = [DATA_FOLDER / "alert_train" / "train.jsonl", DATA_FOLDER / "alert_hard" / "train.jsonl"]


def train_writer(
    output: Annotated[Path, typer.Option(help="Folder for the adapter, as PEFT's files and as GGUF.")],
    posts: Annotated[
        list[Path],
        typer.Option(help="Posts with good alerts, and wrong ones if they are known; may be given again."),
    ] = _POSTS,
    verdicts: Annotated[
        Path, typer.Option(help="Verdicts on alerts that a writer sampled.")
    ] = SAMPLE_VERDICTS,
    num_epochs: Annotated[int, typer.Option(min=1, help="Times that the writer sees every post.")] = 3,
    max_seconds: Annotated[float, typer.Option(help="Training ends after this many seconds.")] = 7200.0,
    seed: Annotated[int, typer.Option(help="Seed of gaps, extras, injections and order.")] = 0,
    start: Annotated[Path | None, typer.Option(help="PEFT folder of an adapter to train further.")] = None,
    checkpoint: Annotated[
        Path, typer.Option(help="The network; prompts list the entities that it finds.")
    ] = DEFAULT_CHECKPOINT,
    base: Annotated[Path, typer.Option(help="Cache of the dequantised base model.")] = ROOT
    / ".cache"
    / "writer",
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Fine-tune SmolLM2-135M-Instruct to write alerts and to judge them, by LoRA.

    Example: .venv-writer/bin/python -m training writer --output runs/writer --num-epochs 3
    """
    torch.set_num_threads(num_threads)
    recipe = WriterRecipe(num_epochs=num_epochs, max_seconds=max_seconds, seed=seed)
    sources = WriterSources(posts=posts, checkpoint=checkpoint, base=base, verdicts=verdicts, start=start)
    run_writer(sources, output, recipe)
    console.print(f"adapter: {output}")
