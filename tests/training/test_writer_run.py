import importlib.util
from pathlib import Path

import pytest

from models import DEFAULT_CHECKPOINT
from training.alert_post import AlertPost
from training.errors import WriterError
from training.writer_run import WriterSources, network_views, run_writer
from training.writer_trainer import WriterRecipe


@pytest.mark.skipif(
    importlib.util.find_spec("peft") is not None,
    reason="this is the writer's environment: nothing is missing",
)
def test_the_wrong_environment_is_told_before_anything_is_done(tmp_path: Path) -> None:
    """Whoever trains the writer in `.venv` learns how to make the environment for it."""
    sources = WriterSources(posts=tmp_path / "none.jsonl", checkpoint=DEFAULT_CHECKPOINT, base=tmp_path)
    with pytest.raises(WriterError, match="make writer-env"):
        run_writer(sources, tmp_path / "out", WriterRecipe())
    assert list(tmp_path.iterdir()) == []


def test_the_writer_is_shown_what_the_network_finds() -> None:
    """Prompts for training list the checkpoint's entities and its sentiment word."""
    post = AlertPost("t1", "Floods in Jakarta, thousands flee", (), ("Jakarta",), "negative")
    view = network_views([post], DEFAULT_CHECKPOINT)["t1"]
    assert view.entities == ("Jakarta",)
    assert view.sentiment in {"negative", "neutral", "positive"}
