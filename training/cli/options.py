"""Options and default folders that the commands of `python -m training` share."""

from pathlib import Path
from typing import Annotated

import typer

from training.corpora.data_folder import DATA_VARIABLE, find_data_folder
from training.network.named_recipes import RECIPES

ROOT = Path(__file__).resolve().parents[2]

DATA_FOLDER = find_data_folder()
CACHE_FOLDER = ROOT / ".cache" / "features"
GLOVE = DATA_FOLDER.parent / "glove" / "glove_6b_100d_f16.npz"

DataFolder = Annotated[
    Path,
    typer.Option("--data-folder", "--data", help=f"Folder of the corpora; {DATA_VARIABLE} sets the default."),
]
CacheFolder = Annotated[Path, typer.Option(help="Folder of cached, parsed corpora.")]
GloveFile = Annotated[Path, typer.Option(help="Word vectors: .npz or GloVe's text format.")]
NumThreads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="name=value, any setting; repeat.")]

RecipeName = Annotated[str, typer.Option(help=f"Named settings: {', '.join(RECIPES)}.")]


def names_in(text: str) -> list[str]:
    """Return the names in an option that takes several, separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
