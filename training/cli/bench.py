"""`python -m training bench`: how long an epoch on CoNLL-2003 takes, parses cached, one thread."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import torch
import typer
from rich.console import Console
from rich.table import Table

from models import Featurizer, JointModel, Vocabularies
from training.cli.options import CACHE_FOLDER, DATA_FOLDER, CacheFolder, DataFolder
from training.examples.batching import Collator
from training.examples.example import Example
from training.examples.store import FeatureStore, load_examples
from training.examples.vocabulary import vocabulary_sentences
from training.network.named_recipes import find_recipe
from training.network.recipe import Recipe
from training.network.trainer import EpochReport, Trainer

CORPUS = "conll2003-train"


def bench_command(
    variants: Annotated[str, typer.Option(help="Letters of variants.")] = "FE",
    corpus: Annotated[str, typer.Option(help="Entity corpus of the epoch.")] = CORPUS,
    num_epochs: Annotated[int, typer.Option(min=1, help="Epochs for each variant; the fastest counts.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each variant.")] = False,
    data_folder: DataFolder = DATA_FOLDER,
    cache: CacheFolder = CACHE_FOLDER,
) -> None:
    """Time epochs of entity training on one thread, in CPU seconds and in seconds of the clock.

    Example: python -m training bench --variants FE
    """
    torch.set_num_threads(1)
    for variant in variants:
        find_recipe("ablation").model_config(
            variant
        )  # an unknown letter is refused before the corpus is loaded
    [examples] = load_examples(FeatureStore(cache, data_folder), [corpus]).values()
    results = [{"variant": v, "corpus": corpus, **time_epoch(v, examples, num_epochs)} for v in variants]
    if as_json:
        print(b"\n".join(map(orjson.dumps, results)).decode())
        return
    table = Table(
        "variant", "CPU seconds", "seconds", "tokens/s (CPU)", title=f"an epoch on {Path(corpus).stem}"
    )
    for result in results:
        table.add_row(
            *(str(result[key]) for key in ("variant", "cpu_seconds", "seconds", "tokens_per_second"))
        )
    Console().print(table)


def time_epoch(variant: str, examples: Sequence[Example], num_epochs: int = 1) -> dict[str, float]:
    """Return the seconds of the fastest of some epochs, scoring left out."""
    recipe = find_recipe("ablation").with_changes([f"num_epochs={num_epochs}"])
    trainer = _new_trainer(variant, examples, recipe)
    reports: list[EpochReport] = []
    ends = [time.perf_counter()]

    def keep(report: EpochReport) -> None:
        reports.append(report)
        ends.append(time.perf_counter())

    trainer.fit(examples, {}, on_step=lambda done, total: None, on_epoch=keep)
    cpu = min(report.train_seconds for report in reports)
    wall = min(end - start for start, end in itertools.pairwise(ends))
    num_tokens = sum(len(example.sentence.words) for example in examples)
    return {
        "cpu_seconds": round(cpu, 1),
        "seconds": round(wall, 1),
        "tokens_per_second": round(num_tokens / cpu),
    }


def _new_trainer(variant: str, examples: Sequence[Example], recipe: Recipe) -> Trainer:
    torch.manual_seed(recipe.seed)
    config = recipe.model_config(variant)
    vocabularies = Vocabularies.build(vocabulary_sentences(examples), [], max_tail_words=0)
    collate = Collator(config, Featurizer(config, vocabularies))
    # The trainer's clock gives CPU time here: other work on the machine disturbs it least.
    return Trainer(JointModel(config, vocabularies), collate, recipe, clock=time.process_time)
