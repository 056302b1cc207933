"""GloVe word vectors: the official text format, and the project's half-precision `.npz`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.errors import GloveError


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Words by falling frequency and their vectors, `vectors[i]` for `words[i]`.

    Shapes:
        vectors: (V, D), float32.
    """

    words: tuple[str, ...]
    vectors: npt.NDArray[np.float32]


def read_glove(path: Path) -> WordVectors:
    """Read a file of word vectors; raises GloveError."""
    if not path.is_file():
        raise GloveError(f"{path}: no such file of word vectors")
    found = _read_npz(path) if path.suffix == ".npz" else _read_text(path)
    if not found.words:
        raise GloveError(f"{path}: holds no word vectors")
    return found


def _read_npz(path: Path) -> WordVectors:
    try:
        # Pickled arrays could run code; ours are not pickled.
        with np.load(path, allow_pickle=False) as arrays:
            words, vectors = arrays["words"], arrays["vectors"]
    except (OSError, ValueError, KeyError) as error:
        raise GloveError(f"{path}: expected the arrays `words` and `vectors` ({error})") from error
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise GloveError(f"{path}: {len(words)} words but vectors of shape {vectors.shape}")
    return WordVectors(tuple(words.tolist()), vectors.astype(np.float32))


def _read_text(path: Path) -> WordVectors:
    words: list[str] = []
    rows: list[npt.NDArray[np.float32]] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            word, _, numbers = _decode(line, f"{path}:{number}").rstrip("\n").partition(" ")
            words.append(word)
            rows.append(_parse_row(numbers, f"{path}:{number}"))
            if len(rows[-1]) != len(rows[0]):
                raise GloveError(f"{path}:{number}: {len(rows[-1])} numbers, line 1 has {len(rows[0])}")
    return WordVectors(tuple(words), np.stack(rows) if rows else np.zeros((0, 0), np.float32))


def _decode(line: bytes, position: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise GloveError(f"{position}: not UTF-8 ({error.reason} at byte {error.start + 1})") from error


def _parse_row(numbers: str, position: str) -> npt.NDArray[np.float32]:
    try:
        row = np.array(numbers.split(" "), dtype=np.float32)
    except ValueError as error:
        raise GloveError(f"{position}: expected a word and its numbers, separated by spaces") from error
    return row
