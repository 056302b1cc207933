from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.settings import Settings
from pipeline.sources.live.http.site import Site
from pipeline.sources.live.x.rules import apply_rules, wanted_rules
from tests.pipeline.sources.live.doubles.http_double import status
from tests.pipeline.sources.live.doubles.x import RULES, TOKEN, XDouble


@pytest.fixture
async def double() -> AsyncIterator[XDouble]:
    server = XDouble()
    async with server.running():
        yield server


@pytest.fixture
async def site(double: XDouble, tmp_path: Path) -> AsyncIterator[Site]:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    async with Site(double.url, "X", token_file=token_file) as site:
        yield site


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({}, []),
        ({"source_languages": "en"}, []),  # X has no rule for a language alone
        ({"source_words": "flood"}, ['("flood")']),
        (
            {"source_words": "flood,power outage,#quake", "source_languages": "en,id"},
            ['("flood" OR "power outage" OR #quake) (lang:en OR lang:in)'],
        ),
    ],
)
def test_words_and_languages_become_rules(fields: dict[str, Any], rules: list[str]) -> None:
    assert wanted_rules(Settings(**fields)) == rules


def test_many_words_become_several_rules_of_the_allowed_length() -> None:
    words = [f"word{number:03}" for number in range(200)]
    rules = wanted_rules(Settings(source_words=",".join(words), source_languages="en,de"))
    assert max(map(len, rules)) <= 512
    assert [word for word in words if not any(f'"{word}"' in rule for rule in rules)] == []


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        (
            "# floods\nflood lang:en -is:retweet\n\n#quake has:geo\n",
            ["flood lang:en -is:retweet", "#quake has:geo"],
        ),
        ("a\na\n", ["a"]),
    ],
)
def test_a_file_holds_rules_one_a_line(tmp_path: Path, content: str, rules: list[str]) -> None:
    file = tmp_path / "rules.txt"
    file.write_text(content)
    assert wanted_rules(Settings(source_rules_file=file, source_words="ignored")) == rules


def test_rules_that_cannot_be_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.txt"
    file.write_text("# nothing\n")
    with pytest.raises(SettingsError, match=r"TOCSIN_SOURCE_RULES_FILE: .* holds no rule"):
        wanted_rules(Settings(source_rules_file=file))
    for words in ('fl"ood', "a,flood*", "a\\"):
        with pytest.raises(SettingsError, match=r"TOCSIN_SOURCE_WORDS: .* cannot stand in a rule of X"):
            wanted_rules(Settings(source_words=words))


async def test_ours_are_changed_and_those_of_others_are_not(double: XDouble, site: Site) -> None:
    others = double.add_rule("from:desk", "someone's")
    double.add_rule("old", "tocsin")
    kept = double.add_rule("kept", "tocsin")
    taken = await apply_rules(site, ["new", "kept"])
    assert {(rule["value"], rule["tag"]) for rule in double.rules} == {
        ("from:desk", "someone's"),
        ("kept", "tocsin"),
        ("new", "tocsin"),
    }
    assert taken is not None
    assert kept in taken
    assert others not in taken
    assert len(taken) == 2


async def test_rules_that_are_as_wanted_are_not_sent(double: XDouble, site: Site) -> None:
    ours = double.add_rule("a", "tocsin")
    theirs = double.add_rule("b", "someone's")  # X takes no rule twice
    assert await apply_rules(site, ["a", "b"]) == frozenset({ours, theirs})
    assert double.count(RULES) == 1


async def test_without_wanted_rules_those_that_are_there_are_used(double: XDouble, site: Site) -> None:
    with pytest.raises(SourceRefusedError, match="has no rule for the stream: set TOCSIN_SOURCE_WORDS"):
        await apply_rules(site, [])
    double.add_rule("flood", "someone's")
    assert await apply_rules(site, []) is None
    assert len(double.rules) == 1


async def test_a_refused_rule_is_an_error_that_names_the_setting(double: XDouble, site: Site) -> None:
    double.max_rules = 1
    with pytest.raises(
        SourceRefusedError, match=r"refuses 1 rules \(RulesCapExceeded: b\): check TOCSIN_SOURCE_"
    ):
        await apply_rules(site, ["a", "b"])


@pytest.mark.parametrize("page", ["[]", '{"data": 7}', '{"data": [{}]}', '{"data": [7]}'])
async def test_an_answer_without_rules_is_no_answer(double: XDouble, site: Site, page: str) -> None:
    double.prepare(RULES, status(200, page, Content_Type="application/json"))
    with pytest.raises(SourceUnavailableError, match="gives no list of rules"):
        await apply_rules(site, ["a"])


async def test_rules_come_in_pages(double: XDouble, site: Site) -> None:
    page = '{"data": [{"id": "1", "value": "a"}], "meta": {"next_token": "t"}}'
    double.add_rule("b")
    double.prepare(RULES, status(200, page, Content_Type="application/json"))
    taken = await apply_rules(site, ["a", "b"])
    assert taken is not None
    assert len(taken) == 2
    assert double.seen[1][0] == f"{RULES}?pagination_token=t"
