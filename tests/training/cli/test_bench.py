from tests.training.samples import tagged_examples
from training.cli.bench import time_epoch


def test_an_epoch_is_timed() -> None:
    """CPU seconds and tokens a second fit together."""
    examples = tagged_examples() * 400  # more than the tenth of a second that figures are rounded to
    times = time_epoch("F", examples)
    num_tokens = sum(len(example.sentence.words) for example in examples)
    assert times["cpu_seconds"] > 0
    assert times["tokens_per_second"] * (times["cpu_seconds"] + 0.05) >= num_tokens * 0.9
