"""`python -m training label-sentiment`: a corpus with a sentiment for every sentence."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from training.cli.options import DATA_FOLDER, DataFolder, NumThreads, names_in
from training.console import bar, console
from training.corpora.named import CORPORA, TEST_CORPORA, find_corpus
from training.corpora.sentiment_labels import DEFAULT_MODEL, identify, label_rows, load_classifier


def label_sentiment_command(
    corpus: Annotated[str, typer.Argument(help="Name of a corpus, or a file.")],
    output: Annotated[Path, typer.Option(help="JSON-lines file to write.")],
    model: Annotated[
        str, typer.Option(help="Name on the Hugging Face hub, or a local folder.")
    ] = DEFAULT_MODEL,
    labels: Annotated[str, typer.Option(help="Meanings of the model's outputs, in order, with commas.")] = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences at once.")] = 32,
    data_folder: DataFolder = DATA_FOLDER,
    num_threads: NumThreads = 1,
) -> None:
    """Give a sentiment to sentences that have none, by a classifier, as the paper did; a killed run goes on.

    Example: python -m training label-sentiment conll2003-train --output conll2003-felt.jsonl
    """
    torch.set_num_threads(num_threads)
    rows = find_corpus(corpus, {**CORPORA, **TEST_CORPORA}).read(data_folder)
    meanings = names_in(labels)
    classify = load_classifier(model, meanings)
    with bar(console, f"label {corpus}") as report:
        label_rows(
            rows,
            classify,
            output,
            model=Path(model).name if Path(model).is_dir() else model,
            identity=identify(model, meanings),
            batch_size=batch_size,
            on_batch=report,
        )
    console.print(f"{output}: {len(rows):,} sentences", highlight=False)
