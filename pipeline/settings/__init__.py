"""What a deployment can set. The room hands on `Settings`, `load_settings` and the names that belong to them.

- `fields`: every setting with its type, bounds, default and description.
- `source_fields`: the settings of `tocsin source`.
- `checks`: what a value may be beyond a number or a word; the names of methods, prompts and templates.
- `sasl`: which settings of a login to Kafka belong together.
- `load`: command line over environment over TOML file over defaults; all mistakes at once.
- `secret_files`: reads the files that settings name, secrets and certificates.
- `document`: what is written about the settings: docs/settings.md and the comments of deploy/tocsin.env, by
  `python -m pipeline.settings`.
"""

from pipeline.settings.checks import PREFIX, assignment
from pipeline.settings.fields import Settings
from pipeline.settings.load import KAFKA_LIBS, VLLM_PYTHON, chosen_settings, load_settings

__all__ = [
    "KAFKA_LIBS",
    "PREFIX",
    "VLLM_PYTHON",
    "Settings",
    "assignment",
    "chosen_settings",
    "load_settings",
]
