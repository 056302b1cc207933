"""Write a GGUF file's weights, dequantised, as a Hugging Face folder: vLLM's CPU build reads no GGUF.

    .venv-vllm/bin/python deploy/vllm/dequantise.py MODEL.gguf FOLDER

Runs in vLLM's environment, with transformers and gguf.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def dequantise(gguf: Path, folder: Path) -> None:
    """Write `folder` whole or not at all: a run that was cut off leaves another name."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    AutoTokenizer.from_pretrained(**source).save_pretrained(unfinished)
    model = AutoModelForCausalLM.from_pretrained(
        **source, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    model.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    found = parser.parse_args()
    dequantise(found.gguf, found.folder)
