"""What becomes of each item of a source."""

import logging

import pytest

from pipeline.errors import InvalidMessageError, UndecodableError
from pipeline.formats.format import BadPost, Deletion, Skipped
from pipeline.messages import Post
from pipeline.messages.codec import decode
from pipeline.settings import Settings
from pipeline.sources.live.runner.filters import PostFilter
from pipeline.sources.live.runner.intake import Intake
from pipeline.sources.live.runner.metrics import SourceMetrics
from tests.pipeline.sources.live.runner.fakes import posts


@pytest.fixture
def metrics() -> SourceMetrics:
    return SourceMetrics("bluesky")


def _intake(metrics: SourceMetrics, *, max_remembered: int = 100, **settings: object) -> Intake:
    chosen = Settings.model_validate(settings)
    return Intake(chosen, metrics, PostFilter(chosen), max_remembered=max_remembered)


def _count(metrics: SourceMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"tocsin_source_{name}_total", {"source": "bluesky", **labels})


def test_a_post_is_published_in_our_own_form_under_its_id(metrics: SourceMetrics) -> None:
    """A header says as what it was read."""
    [record] = _intake(metrics).records(posts("at://did:plc:x/app.bsky.feed.post/3k", text="Flood"))
    assert (record.topic, record.key) == ("posts", b"at://did:plc:x/app.bsky.feed.post/3k")
    assert decode(record.value, Post, max_bytes=1_000).text == "Flood"
    assert list(record.headers) == [("tocsin-format", b"jetstream")]


def test_headers_go_with_their_item_although_others_are_left_out(metrics: SourceMetrics) -> None:
    trace = [[("traceparent", b"%d" % number)] for number in range(4)]
    items = [*posts("1"), Skipped("like"), *posts("1"), Deletion("2")]
    first, last = _intake(metrics).records(items, trace)
    assert list(first.headers) == [("tocsin-format", b"jetstream"), ("traceparent", b"0")]
    assert (last.key, list(last.headers)) == (b"2", [("traceparent", b"3")])


def test_what_is_no_post_is_counted(metrics: SourceMetrics, caplog: pytest.LogCaptureFixture) -> None:
    """Each by what it is; a bad one costs no other, and is logged on one line without what a terminal obeys."""
    bad = BadPost(InvalidMessageError("not of Jetstream"), b"{\x1b[31m\n}")
    items = [Skipped("account"), bad, *posts(1), Skipped("like"), Skipped("like")]
    with caplog.at_level(logging.WARNING):
        assert [record.key for record in _intake(metrics).records(items)] == [b"1"]
    assert _count(metrics, "skipped", what="account") == 1
    assert _count(metrics, "skipped", what="like") == 2
    assert _count(metrics, "bad", reason="invalid_message") == 1
    [message] = caplog.messages
    assert message == "an item of the source is left out: not of Jetstream: {\\x1b[31m }"


def test_the_log_has_the_first_bad_items_alone(
    metrics: SourceMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken stream does not fill it; the metric counts all."""
    with caplog.at_level(logging.WARNING):
        _intake(metrics).records([BadPost(UndecodableError("not JSON"), b"x")] * 1_000)
    assert len(caplog.messages) == 20
    assert _count(metrics, "bad", reason="undecodable") == 1_000


def test_a_post_too_large_for_the_agents_is_counted(metrics: SourceMetrics) -> None:
    """It would become a dead letter, without the source that it came from."""
    items = [*posts(1, text="x" * 500), *posts(2)]
    assert [record.key for record in _intake(metrics, max_post_bytes=256).records(items)] == [b"2"]
    assert _count(metrics, "bad", reason="undecodable") == 1


def test_a_post_that_comes_again_is_dropped_and_an_edited_one_is_not(metrics: SourceMetrics) -> None:
    """What counts is what the post was last: the topic ends with the same in any case."""
    intake = _intake(metrics)
    first, edited, deleted = posts(1, text="a"), posts(1, text="b"), [Deletion("1")]
    kept = [len(intake.records(items)) for items in (first, first, edited, edited, first, deleted, deleted)]
    assert kept == [1, 0, 1, 0, 1, 1, 0]
    assert _count(metrics, "duplicates") == 3


def test_memory_of_duplicates_is_bounded(metrics: SourceMetrics) -> None:
    """The oldest is forgotten first."""
    intake = _intake(metrics, max_remembered=3)
    intake.records(posts(1, 2, 3, 4))
    assert [record.key for record in intake.records(posts(4, 3, 2, 1))] == [b"1"]


def test_posts_that_are_filtered_are_counted_by_the_filter(metrics: SourceMetrics) -> None:
    """The language is looked at first."""
    intake = _intake(metrics, source_languages="en", source_words="flood")
    items = [*posts(1, lang="de"), *posts(2, text="sun", lang="en"), *posts(3, lang="en")]
    assert [record.key for record in intake.records(items)] == [b"3"]
    assert _count(metrics, "filtered", by="languages") == 1
    assert _count(metrics, "filtered", by="words") == 1
