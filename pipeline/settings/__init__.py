"""What a deployment can say: the fields, their checks, and how they are loaded."""

from pipeline.settings.fields import KAFKA_LIBS, PREFIX, VLLM_PYTHON, Settings, load_settings

__all__ = ["KAFKA_LIBS", "PREFIX", "VLLM_PYTHON", "Settings", "load_settings"]
