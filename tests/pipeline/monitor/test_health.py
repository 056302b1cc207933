from pipeline.messages.record import Partition
from pipeline.monitor.health import Health, Progress
from pipeline.monitor.metrics import Metrics


def test_a_stall_ends_when_it_is_over() -> None:
    """A process is alive until a stall is found, and alive again when it is over."""
    health = Health()
    assert health.why_not_alive() is None
    health.note_stall("7 records wait")
    assert health.why_not_alive() == "7 records wait"
    health.note_stall(None)
    assert health.why_not_alive() is None


def test_lag_is_shown_for_the_partitions_that_are_ours() -> None:
    """A partition that was given away is no longer shown: another agent shows it."""
    metrics = Metrics("annotate")
    progress = Progress(metrics)
    progress.show_lag({Partition("posts", 0): 5, Partition("posts", 1): 0})
    progress.show_lag({Partition("posts", 1): 3})
    value = metrics.registry.get_sample_value
    assert value("tocsin_lag", {"topic": "posts", "partition": "1"}) == 3
    assert value("tocsin_lag", {"topic": "posts", "partition": "0"}) is None
