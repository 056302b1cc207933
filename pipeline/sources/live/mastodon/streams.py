"""The streams of a Mastodon instance, and where its API has them.

Names are those of the documentation: https://docs.joinmastodon.org/methods/streaming/#streams.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import SettingsError
from pipeline.settings.checks import variable_of

_HASHTAG = re.compile(r"(hashtag(?::local)?):#?(\w{1,100})")


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream.

    Attributes:
        name: as in the setting.
        streaming: path and parameters in the streaming API.
        timeline: path and parameters of the same posts in the REST API.
    """

    name: str
    streaming: tuple[str, Mapping[str, str]]
    timeline: tuple[str, Mapping[str, str]]


_PUBLIC = {
    "public": Stream("public", ("/api/v1/streaming/public", {}), ("/api/v1/timelines/public", {})),
    "public:local": Stream(
        "public:local",
        ("/api/v1/streaming/public/local", {}),
        ("/api/v1/timelines/public", {"local": "true"}),
    ),
    "public:remote": Stream(
        "public:remote",
        ("/api/v1/streaming/public/remote", {}),
        ("/api/v1/timelines/public", {"remote": "true"}),
    ),
}


def stream_of(name: str | None) -> Stream:
    """Return the stream that the setting names; `public` if it is not set.

    Raises:
        SettingsError: there is no such stream, or its posts are not public.
    """
    name = name or "public"
    if name in _PUBLIC:
        return _PUBLIC[name]
    if not (match := _HASHTAG.fullmatch(name)):
        expected = ", ".join(_PUBLIC)
        raise SettingsError(
            [
                f"{variable_of('source_stream')}={name}: expected {expected}, hashtag:NAME or hashtag:local:NAME"
            ]
        )
    kind, tag = match.groups()
    is_local = kind.endswith(":local")
    return Stream(
        f"{kind}:{tag.lower()}",
        ("/api/v1/streaming/hashtag" + "/local" * is_local, {"tag": tag}),
        (f"/api/v1/timelines/tag/{tag}", {"local": "true"} if is_local else {}),
    )
