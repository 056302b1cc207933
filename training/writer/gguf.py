"""The adapter in llama.cpp's form: a GGUF file, made from the PEFT folder that vLLM reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from training.errors import WriterError

_WEIGHT = re.compile(
    r"base_model\.model\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])\.weight"
)
_NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def write_gguf(adapter: Path, output: Path, *, num_heads: int, num_key_value_heads: int) -> None:
    """Write the PEFT adapter of a Llama-like model as a GGUF adapter in half precision.

    Raises:
        WriterError: the adapter holds other weights than LoRA's of attention and feed-forward layers.
    """
    from gguf import GGUFWriter

    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    writer = GGUFWriter(output, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    heads = {"q_proj": num_heads, "k_proj": num_key_value_heads}
    for name, weight in sorted(read_adapter(adapter).items()):
        layer, module, side = _parts(name)
        if side == "B" and module in heads:
            weight = interleave_halves(weight, heads[module])
        writer.add_tensor(f"blk.{layer}.{_NAMES[module]}.weight.lora_{side.lower()}", weight)
    _close(writer)


def read_adapter(adapter: Path) -> dict[str, NDArray[np.float16]]:
    """Return the weights of a PEFT folder by name."""
    return {
        name: np.ascontiguousarray(weight, np.float16)
        for name, weight in load_file(adapter / "adapter_model.safetensors").items()
    }


def interleave_halves(weight: NDArray[np.float16], num_heads: int) -> NDArray[np.float16]:
    """Return the rows of each head in llama.cpp's order: it rotates neighbours, transformers rotates halves.

    Shapes: `weight` (heads x head size, rank), and the same back.
    """
    halves = weight.reshape(num_heads, 2, -1, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def _parts(name: str) -> tuple[str, str, str]:
    match = _WEIGHT.fullmatch(name)
    if not match or match[2] not in _NAMES:
        raise WriterError(
            f"{name}: not a LoRA weight of a Llama's layer: train with the target modules of base_model.py"
        )
    return match[1], match[2], match[3]


def _close(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
