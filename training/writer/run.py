"""One run of the alert writer's fine-tuning, and the folder that it leaves behind.

adapter_model.safetensors, adapter_config.json    the adapter for vLLM and PEFT, in half precision
adapter.gguf                                      the same for llama.cpp
steps.jsonl, recipe.json                          loss and learning rate of every step; the settings
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import torch

from models import AnnotationError, Annotator
from training.corpora.corpus import is_held_out
from training.errors import WriterError
from training.writer.base_model import add_adapter, load_base, prepare_base
from training.writer.examples import NetworkView
from training.writer.gguf import write_gguf
from training.writer.posts import AlertPost, read_alert_posts, read_verdicts, with_verdicts
from training.writer.trainer import WriterData, WriterRecipe, WriterStep, fine_tune

BASE_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
SAMPLE_VERDICTS = Path(__file__).with_name("verdicts.jsonl")
_SAVE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSources:
    """What a run reads.

    Attributes:
        posts: files of posts with good alerts.
        verdicts: file of verdicts on alerts that a writer sampled; None: there are none.
        checkpoint: the network's; half of the prompts show the entities and sentiments that it finds.
        base: cache of the dequantised base model.
        start: PEFT folder of an adapter to go on from; None: a fresh one.
    """

    posts: Sequence[Path]
    checkpoint: Path
    base: Path
    verdicts: Path | None = None
    start: Path | None = None


def run_writer(sources: WriterSources, output: Path, recipe: WriterRecipe) -> None:
    """Train on the posts that are not held out and leave the adapter in the output folder.

    Raises:
        CorpusError: the posts cannot be read.
        WriterError: a package that the run needs is not installed.
    """
    _check_environment()
    posts = training_posts(sources)
    data = WriterData(posts, network_views(posts, sources.checkpoint))
    # Before anything random is drawn: the adapter's initial weights.
    torch.manual_seed(recipe.seed)
    model, tokenizer = load_base(prepare_base(sources.base))
    adapted = add_adapter(model, sources.start)
    output.mkdir(parents=True, exist_ok=True)
    (output / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n", encoding="utf-8")
    with (output / "steps.jsonl").open("wb", buffering=0) as log:
        saver = _Saver(adapted, output)

        def on_step(step: WriterStep) -> None:
            log.write(orjson.dumps(step) + b"\n")
            saver.save_if_due(step.seconds)

        fine_tune(adapted, tokenizer, data=data, recipe=recipe, on_step=on_step)
    saver.save()


def training_posts(sources: WriterSources) -> list[AlertPost]:
    """Return the posts that are not held out, with the verdicts on them; raises CorpusError."""
    posts = [post for file in sources.posts for post in read_alert_posts(file) if not is_held_out(post.id)]
    return with_verdicts(posts, read_verdicts(sources.verdicts)) if sources.verdicts else posts


def _check_environment() -> None:
    try:
        import gguf  # noqa: F401
        import peft  # noqa: F401
        import transformers
    except ImportError as error:
        raise WriterError(
            f"the writer is trained in an environment of its own ({error}): `make writer-env`, then "
            ".venv-writer/bin/python -m training writer"
        ) from error
    transformers.logging.set_verbosity_error()


def network_views(posts: list[AlertPost], checkpoint: Path) -> dict[str, NetworkView]:
    """Return what the network finds in the posts, by their ids."""
    annotator = Annotator.from_checkpoint(checkpoint, device="cpu")
    annotations = annotator.annotate([post.text for post in posts])
    return {
        post.id: NetworkView(
            tuple(entity.text for entity in annotation.entities),
            annotation.sentiment.label if annotation.sentiment else None,
        )
        for post, annotation in zip(posts, annotations, strict=True)
        if not isinstance(annotation, AnnotationError)
    }


class _Saver:
    """Writes the adapter in both forms, every few minutes and at the end."""

    def __init__(self, adapted: Any, output: Path) -> None:
        self._adapted = adapted
        self._output = output
        self._last_seconds = 0.0

    def save_if_due(self, seconds: float) -> None:
        if seconds - self._last_seconds > _SAVE_SECONDS:
            self._last_seconds = seconds
            self.save()

    def save(self) -> None:
        save_adapter(self._adapted, self._output)


def save_adapter(adapted: Any, folder: Path) -> None:
    """Write a PEFT model's adapter in half precision, and the same as GGUF."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    weights = get_peft_model_state_dict(adapted)
    halves = {name: weight.detach().to(torch.float16).contiguous() for name, weight in weights.items()}
    save_file(halves, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = adapted.peft_config["default"].to_dict() | {
        "base_model_name_or_path": BASE_NAME,
        "inference_mode": True,
    }
    config["target_modules"] = sorted(config["target_modules"])
    (folder / "adapter_config.json").write_text(
        json.dumps(config, indent=2, default=str) + "\n", encoding="utf-8"
    )
    shape = adapted.config
    write_gguf(
        folder,
        folder / "adapter.gguf",
        num_heads=shape.num_attention_heads,
        num_key_value_heads=shape.num_key_value_heads,
    )
