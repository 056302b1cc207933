import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from training.errors import WriterError
from training.writer.gguf import interleave_halves, write_gguf


def test_interleaved_rows_rotate_as_the_halves_did() -> None:
    """transformers rotates rows i and i + half together, llama.cpp rows 2i and 2i + 1: the pairs are the same."""
    heads, size = 3, 8
    weight = np.arange(heads * size, dtype=np.float16)[:, None]
    moved = interleave_halves(weight, heads)[:, 0].reshape(heads, size // 2, 2)
    for head in range(heads):
        assert moved[head].tolist() == [
            [head * size + i, head * size + i + size // 2] for i in range(size // 2)
        ]


def test_another_kind_of_weight_is_refused(tmp_path: Path) -> None:
    """An adapter of other layers would be written without them, and serve something else."""
    pytest.importorskip("gguf", reason="gguf is in the writer's own environment (make writer-env)")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 2}))
    name = "base_model.model.lm_head.lora_A.weight"
    save_file({name: np.zeros((1, 2), np.float16)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(WriterError, match="lm_head"):
        write_gguf(tmp_path, tmp_path / "a.gguf", num_heads=1, num_key_value_heads=1)
