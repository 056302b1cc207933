"""How fast the network is: `python -m models.bench syn-lstm` and `python -m models.bench annotator`.

All figures of a command come from one run on one thread, in CPU time, so that other work on the machine hardly
changes their ratios. Each command prints a table and, as its last line, the same figures as JSON.
"""

import argparse
import gc
import importlib
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from models.annotation import Annotation
from models.annotator import Annotator
from models.config import VARIANTS
from models.layers.recurrent.syn_lstm import SynLstm
from models.layers.tokens import OwnFeatures
from models.network.checkpoint import Checkpoint, load_checkpoint
from models.network.joint_model import JointModel
from models.text.parser import DependencyParser
from models.text.sentence import Sentence
from models.text.tokenizer import tokenize
from models.text.vocabulary import Vocabularies

Figures = dict[str, Any]

CORPORA = {"conll": "conll2003/test.jsonl", "tweets": "tweeteval_sentiment/test.jsonl"}


def main() -> None:
    """Run the command of the command line."""
    arguments = _arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    command: Callable[[argparse.Namespace], list[Figures]] = arguments.command
    rows = command(arguments)
    _print_table(rows)
    print(json.dumps(rows))


def bench_syn_lstm(arguments: argparse.Namespace) -> list[Figures]:
    """Compare the SynLSTM with `nn.LSTM` on the same tokens, with and without the backward pass.

    Both have the same hidden size and read the same input: the features of words and graph side by side. The last
    two columns are for an `nn.LSTM` that reads the words only.
    """
    words_size, graph_size, hidden_size = 190, 100, 200
    layers = (
        SynLstm(words_size, graph_size, hidden_size),
        nn.LSTM(words_size + graph_size, hidden_size, batch_first=True, bidirectional=True),
        nn.LSTM(words_size, hidden_size, batch_first=True, bidirectional=True),
    )
    rows = []
    for name, batches in _length_batches().items():
        inputs = [(torch.randn(len(b), max(b), words_size + graph_size), torch.tensor(b)) for b in batches]
        for mode in ("forward", "forward+backward"):
            syn, same_input, words_only = _medians(
                [_pass(layer, inputs, words_size, mode) for layer in layers], arguments.repeats
            )
            rows.append(
                {
                    "batch": name,
                    "mode": mode,
                    "syn_lstm_ms": round(1e3 * syn, 2),
                    "nn_lstm_ms": round(1e3 * same_input, 2),
                    "ratio": round(syn / same_input, 2),
                    "nn_lstm_words_only_ms": round(1e3 * words_only, 2),
                    "ratio_words_only": round(syn / words_only, 2),
                }
            )
    return rows


def bench_annotator(arguments: argparse.Namespace) -> list[Figures]:
    """Measure the posts per second of `Annotator.annotate`, of the parser alone, and of spaCy as the paper runs it.

    No text is measured twice, so the words that the annotator remembers help only as much as they do in a stream.
    """
    rows = []
    for corpus, path in CORPORA.items():
        texts = _read_texts(arguments.data / path)[: arguments.max_texts]
        for name, annotator in _annotators(arguments, texts):
            gc.collect()
            gc.freeze()  # because `tocsin annotate` does so, too
            rows.append(
                {
                    "corpus": corpus,
                    "what": name,
                    **_throughput(annotator.annotate, texts, arguments.batch_size),
                }
            )
        for name, run in (
            ("parser alone", _parsing()),
            ("spaCy, all components, post by post", _parsing_as_in_the_paper()),
        ):
            rows.append({"corpus": corpus, "what": name, **_throughput(run, texts, arguments.batch_size)})
    return rows


def _length_batches() -> dict[str, list[list[int]]]:
    """Batches of several kinds, as sentence lengths that are spread like CoNLL's (median 10, mean 14)."""
    spread = torch.exp(2.3 + 0.8 * torch.randn(1024, generator=torch.Generator().manual_seed(0)))
    lengths = spread.round().clamp(1, 60).int().tolist()
    ordered = sorted(lengths)
    return {
        "1": [[length] for length in lengths[:16]],
        "16": [lengths[start : start + 16] for start in range(0, 128, 16)],
        "64": [lengths[start : start + 64] for start in range(0, 256, 64)],
        "64 sorted": [ordered[start : start + 64] for start in range(0, 1024, 128)],
    }


def _pass(
    layer: nn.Module, inputs: Sequence[tuple[Tensor, Tensor]], words_size: int, mode: str
) -> Callable[[], None]:
    def run() -> None:
        for features, lengths in inputs:
            with torch.set_grad_enabled(mode != "forward"):
                states = _apply(layer, features, lengths, words_size)
            if mode != "forward":
                states.sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    return run


def _apply(layer: nn.Module, features: Tensor, lengths: Tensor, words_size: int) -> Tensor:
    if isinstance(layer, nn.LSTM):
        packed = pack_padded_sequence(
            features[..., : layer.input_size], lengths, batch_first=True, enforce_sorted=False
        )
        states = layer(packed)[0]
        assert isinstance(states, PackedSequence)
        return states.data
    result: Tensor = layer(OwnFeatures(features[..., :words_size]), features[..., words_size:], lengths)
    return result


def _medians(runs: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Median CPU seconds of each run. The runs take turns, so that a slow phase of the machine slows all of them."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats + 1):
        for run, taken in zip(runs, seconds, strict=True):
            started = time.process_time()
            run()
            taken.append(time.process_time() - started)
    return [statistics.median(taken[1:]) for taken in seconds]


def _annotators(arguments: argparse.Namespace, texts: Sequence[str]) -> Iterable[tuple[str, Annotator]]:
    if arguments.checkpoint:
        checkpoint = load_checkpoint(arguments.checkpoint)
        yield f"checkpoint {checkpoint.name}", Annotator(checkpoint)
    words = [tuple(token.text for token in tokenize(text)) for text in texts]
    vocabularies = Vocabularies.build(map(Sentence, words), [], max_tail_words=0)
    for size, letter in product(arguments.hidden_sizes, arguments.variants):
        config = replace(VARIANTS[letter], hidden_size=size)
        model = JointModel(config, vocabularies)
        annotator = Annotator(
            Checkpoint(
                name=letter, config=config, vocabularies=vocabularies, model=model, metadata={}, sha256=""
            )
        )
        _calm(annotator, texts[: arguments.batch_size])
        yield f"variant {letter}, hidden size {size}", annotator


def _calm(annotator: Annotator, texts: Sequence[str]) -> None:
    """Make an untrained network find about as many entities as CoNLL has: one for eight tokens.

    It would otherwise find an entity at nearly every token. The speed depends on nothing else that training changes.
    """
    bias = annotator.checkpoint.model.get_parameter("tag_head.1.bias")
    for step in (0.4, 0.2, 0.1, 0.05, 0.025, 0.0125):
        found = [result for result in annotator.annotate(texts) if isinstance(result, Annotation)]
        num_entities = sum(len(annotation.entities) for annotation in found)
        is_too_many = 8 * num_entities > sum(len(annotation.tokens) for annotation in found)
        with torch.no_grad():
            bias[0] += step if is_too_many else -step


def _parsing() -> Callable[[Sequence[str]], object]:
    parser = DependencyParser()
    return lambda texts: parser.parse([[token.text for token in tokenize(text)] for text in texts])


def _parsing_as_in_the_paper() -> Callable[[Sequence[str]], object]:
    nlp = importlib.import_module(DependencyParser().name).load()
    return lambda texts: [nlp(text) for text in texts]


def _throughput(run: Callable[[Sequence[str]], object], texts: Sequence[str], batch_size: int) -> Figures:
    """Posts and tokens per second, after a warm-up on a fifth of the batches; at least one batch is measured."""
    batches = [texts[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    num_warm = min(math.ceil(len(batches) / 5), len(batches) - 1)
    seconds: list[float] = []
    for batch in batches:
        started = time.process_time()
        run(batch)
        seconds.append(time.process_time() - started)
    measured = [text for batch in batches[num_warm:] for text in batch]
    total = sum(seconds[num_warm:])
    num_tokens = sum(len(tokenize(text)) for text in measured)
    return {"posts_per_second": round(len(measured) / total), "tokens_per_second": round(num_tokens / total)}


def _read_texts(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [row["text"] if "text" in row else " ".join(row["tokens"]) for row in rows]


def _print_table(rows: Sequence[Figures]) -> None:
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models.bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    syn_lstm = commands.add_parser("syn-lstm", help="compare the SynLSTM with nn.LSTM")
    syn_lstm.add_argument("--repeats", type=int, default=15)
    syn_lstm.set_defaults(command=bench_syn_lstm)
    annotator = commands.add_parser("annotator", help="measure texts to annotations, end to end")
    annotator.add_argument("--data", type=Path, default=Path("data"), help="folder of the corpora")
    annotator.add_argument("--checkpoint", type=Path, help="a trained checkpoint to measure, too")
    annotator.add_argument("--variants", default="EF", help="letters of the untrained variants to measure")
    annotator.add_argument(
        "--hidden-sizes", type=int, nargs="+", default=[200, 100], help="sizes of the variants' encoder"
    )
    annotator.add_argument("--batch-size", type=int, default=1024, help="texts in a call")
    annotator.add_argument("--max-texts", type=int, default=2560, help="texts of a corpus to measure")
    annotator.set_defaults(command=bench_annotator)
    return parser.parse_args()


if __name__ == "__main__":
    main()
