"""The program `python -m training`: prepare, train, evaluate."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import orjson
import torch
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models import DEFAULT_CHECKPOINT, Annotator, ModelsError
from training.alert_cli import evaluate_alerts
from training.corpora import CORPORA, TEST_CORPORA, find_corpus
from training.errors import LabelError, TrainingError
from training.evaluation import SCORE_NAMES, evaluate
from training.example import Example
from training.feature_store import FeatureStore
from training.glove import read_glove
from training.label_mapping import parse_mapping
from training.labelled_text import LabelledText
from training.named_recipes import find_recipe
from training.progress import EpochProgress, parse_progress
from training.training_run import RunInputs, TrainingRun
from training.writer_cli import train_writer

_ROOT = Path(__file__).resolve().parents[1]
_SHARED = _ROOT.parent / "shared"

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
console = Console(stderr=True)

DataFolder = Annotated[Path, typer.Option(help="Folder of the corpora.")]
CacheFolder = Annotated[Path, typer.Option(help="Folder of cached, parsed corpora.")]
DATA_FOLDER = _SHARED / "data"
CACHE_FOLDER = _ROOT / ".cache" / "features"
GLOVE = _SHARED / "glove" / "glove_6b_100d_f16.npz"


@app.command()
def prepare(
    corpora: Annotated[
        list[str] | None, typer.Argument(help="Names or .jsonl files; all known if none.")
    ] = None,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
) -> None:
    """Tokenise and parse corpora into the cache; what is there already stays.

    Example: python -m training prepare conll2003-train conll2003-dev
    """
    store = FeatureStore(cache, data_folder)
    _load(store, corpora or list(CORPORA))


@app.command()
def train(
    output: Annotated[Path, typer.Option(help="Folder for settings, metrics and the checkpoint.")],
    variant: Annotated[str, typer.Option(help="The paper's A-E, or F.")] = "E",
    recipe: Annotated[str, typer.Option(help="Named settings: social, news or paper.")] = "social",
    num_epochs: Annotated[int | None, typer.Option(help="Short for --set num_epochs=N.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Short for --set max_seconds=S.")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=N.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="name=value, any setting; repeat.")
    ] = None,
    name: Annotated[str, typer.Option(help="The checkpoint's name.")] = "social",
    glove: Annotated[Path, typer.Option(help="Word vectors: .npz or GloVe's text format.")] = GLOVE,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Train a variant and keep the best epoch.

    Example: python -m training train --variant F --recipe news --output runs/f --set learning_rate=0.001
    """
    torch.set_num_threads(num_threads)
    short = {"num_epochs": num_epochs, "max_seconds": max_seconds, "seed": seed}
    changes = [f"{key}={value}" for key, value in short.items() if value is not None] + (change or [])
    settings = find_recipe(recipe).with_changes(changes)
    run = TrainingRun(variant, settings, output, name=name)
    store = FeatureStore(cache, data_folder)
    inputs = RunInputs(
        train=_load(store, settings.train), dev=_load(store, settings.dev), pretrained=read_glove(glove)
    )
    with EpochProgress(console, settings.num_epochs) as progress:
        run.run(inputs, on_step=progress.on_step, on_epoch=progress.on_epoch)
    console.print(f"checkpoint: {output / 'checkpoint'}")


@app.command(name="evaluate")
def evaluate_command(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")] = DEFAULT_CHECKPOINT,
    data: Annotated[list[str] | None, typer.Argument(help="Names of corpora or .jsonl files.")] = None,
    mapping: Annotated[str, typer.Option("--map", help="`wnut17`, `wnut16` or from=to,from=to.")] = "",
    where: Annotated[str, typer.Option(help="Only rows with field=value.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
    output: Annotated[Path | None, typer.Option(help="Also write the objects to a JSON file.")] = None,
    data_folder: DataFolder = DATA_FOLDER,
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Score a checkpoint on corpora, entities strictly by span and type.

    Example: python -m training evaluate models/checkpoints/social conll2003-test mine.jsonl --json
    """
    torch.set_num_threads(num_threads)
    types = parse_mapping(mapping) if mapping else {}
    corpora = {name: find_corpus(name, {**CORPORA, **TEST_CORPORA}) for name in data or []}
    annotator = Annotator.from_checkpoint(checkpoint, device="cpu")
    results: list[dict[str, object]] = []
    for name, corpus in corpora.items():
        rows = _choose(corpus.read(data_folder), where, name)
        origin = {
            "file": name,
            "where": where or None,
            "map": mapping or None,
            "num_texts": len(rows),
            "checkpoint": annotator.checkpoint.name,
            "sha256": annotator.checkpoint.sha256,
        }
        results.append({**origin, **evaluate(annotator, rows, types)})
        _print_scores(results[-1], as_json=as_json)
    if output:
        output.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")


app.command(name="evaluate-alerts")(evaluate_alerts)
app.command(name="writer")(train_writer)


def _load(store: FeatureStore, names: Sequence[str]) -> dict[str, list[Example]]:
    examples: dict[str, list[Example]] = {}
    for name in names:
        with parse_progress(console, name) as report:
            examples[name] = store.load(name, find_corpus(name), report)
        console.print(f"{name}: {len(examples[name]):,} texts", highlight=False)
    return examples


def _choose(rows: Sequence[LabelledText], where: str, name: str) -> Sequence[LabelledText]:
    field, _, value = where.partition("=")
    chosen = [row for row in rows if not where or str(row.fields.get(field)) == value]
    if not chosen:
        raise LabelError(f"{name}: no rows{f' where {where}' if where else ''}")
    return chosen


def _print_scores(result: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(result).decode())
        return
    table = Table("score", "value", title=f"{result['file']} ({result['num_texts']} texts)")
    for name in SCORE_NAMES:
        value = result[name]
        table.add_row(name, f"{100 * value:.2f}" if isinstance(value, float) else "-")
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program (with the command line's arguments if None); mistakes end it with a message, status 1."""
    try:
        app(arguments)
    except (TrainingError, ModelsError) as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
