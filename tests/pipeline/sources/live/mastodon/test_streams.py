from __future__ import annotations

import pytest

from pipeline.sources.live.mastodon.streams import stream_of


@pytest.mark.parametrize(
    ("name", "streaming", "timeline"),
    [
        (None, ("/api/v1/streaming/public", {}), ("/api/v1/timelines/public", {})),
        (
            "public:local",
            ("/api/v1/streaming/public/local", {}),
            ("/api/v1/timelines/public", {"local": "true"}),
        ),
        (
            "public:remote",
            ("/api/v1/streaming/public/remote", {}),
            ("/api/v1/timelines/public", {"remote": "true"}),
        ),
        (
            "hashtag:#Flood",
            ("/api/v1/streaming/hashtag", {"tag": "Flood"}),
            ("/api/v1/timelines/tag/Flood", {}),
        ),
        (
            "hashtag:local:flood",
            ("/api/v1/streaming/hashtag/local", {"tag": "flood"}),
            ("/api/v1/timelines/tag/flood", {"local": "true"}),
        ),
    ],
)
def test_a_stream_has_its_timeline(name: str | None, streaming: object, timeline: object) -> None:
    stream = stream_of(name)
    assert (stream.streaming, stream.timeline) == (streaming, timeline)
