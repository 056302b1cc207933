from pathlib import Path

import pytest

from tests.training.program import refused
from tests.training.samples import tagged_examples
from training.cli.bench import time_epoch


def test_an_epoch_is_timed() -> None:
    """CPU seconds and tokens a second fit together."""
    examples = tagged_examples() * 400  # more than the tenth of a second that figures are rounded to
    times = time_epoch("F", examples)
    num_tokens = sum(len(example.sentence.words) for example in examples)
    assert times["cpu_seconds"] > 0
    assert times["tokens_per_second"] * (times["cpu_seconds"] + 0.05) >= num_tokens * 0.9


def test_an_unknown_variant_is_refused_before_the_corpus_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The corpus is not in the folder, and the error names the variant alone."""
    message = refused(
        capsys, "bench", "--variants", "FQ", "--data-folder", tmp_path, "--cache", tmp_path / "c"
    )
    assert message.startswith("error: variant 'Q': expected one of A, B, C, D, E, F")
    assert list(tmp_path.iterdir()) == []
