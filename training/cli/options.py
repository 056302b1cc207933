"""What the commands of `python -m training` share: where things lie, the console, loading with a progress bar."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.corpora.named import find_corpus
from training.examples.example import Example
from training.examples.store import FeatureStore
from training.network.named_recipes import RECIPES
from training.network.progress import bar

ROOT = Path(__file__).resolve().parents[2]
_SHARED = ROOT.parent / "shared"

DATA_FOLDER = _SHARED / "data"
CACHE_FOLDER = ROOT / ".cache" / "features"
GLOVE = _SHARED / "glove" / "glove_6b_100d_f16.npz"

DataFolder = Annotated[Path, typer.Option("--data-folder", "--data", help="Folder of the corpora.")]
CacheFolder = Annotated[Path, typer.Option(help="Folder of cached, parsed corpora.")]
GloveFile = Annotated[Path, typer.Option(help="Word vectors: .npz or GloVe's text format.")]
NumThreads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="name=value, any setting; repeat.")]

RecipeName = Annotated[str, typer.Option(help=f"Named settings: {', '.join(RECIPES)}.")]

console = Console(stderr=True)


def load_examples(store: FeatureStore, names: Sequence[str]) -> dict[str, list[Example]]:
    """Examples by corpus, parsed now where the cache lacks them, with a line for each on the console."""
    examples: dict[str, list[Example]] = {}
    for name in names:
        with bar(console, f"parse {name}") as report:
            examples[name] = store.load(name, find_corpus(name), report)
        console.print(f"{name}: {len(examples[name]):,} texts", highlight=False)
    return examples


def names_in(text: str) -> list[str]:
    """The names of an option that takes several, separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
