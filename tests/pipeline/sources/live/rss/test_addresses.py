from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.sources.live.rss.addresses import feed_addresses


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected the addresses of feeds"),
        ("# none\n\n", "expected the addresses of feeds"),
        ("https://a.example/feed\nfile:///etc/passwd\n", "and not 'file:///etc/passwd'"),
        ("https://user:password@a.example/feed\n", "without a user"),
        ("\n".join(f"https://a.example/{number}" for number in range(6_000)), "6000 feeds, expected at most"),
    ],
)
def test_files_that_name_no_feeds_are_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "feeds.txt"
    file.write_text(content)
    with pytest.raises(SettingsError, match="TOCSIN_SOURCE_FEEDS_FILE=") as raised:
        feed_addresses(Settings(source_feeds_file=file))
    assert said in str(raised.value)


def test_a_file_names_feeds_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "feeds.txt"
    file.write_text(
        "# news\nhttps://a.example/@desk.rss\n\nhttps://b.example/feed?x=1,2\nhttps://a.example/@desk.rss\n"
    )
    assert feed_addresses(Settings(source_feeds_file=file)) == [
        "https://a.example/@desk.rss",
        "https://b.example/feed?x=1,2",
    ]


def test_addresses_may_stand_in_the_setting() -> None:
    assert feed_addresses(Settings(source_url="https://a.example/@desk.rss, http://b.example")) == [
        "https://a.example/@desk.rss",
        "http://b.example",
    ]
    with pytest.raises(SettingsError, match="TOCSIN_SOURCE_URL: expected the addresses of feeds"):
        feed_addresses(Settings())
