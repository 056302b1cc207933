"""The rules of the filtered stream: X keeps them for an app, and filters by all of them.

Ours have a tag of our own. They are added and deleted if they differ from what the settings say. Rules that others have
made stay as they are, and what X sends because of those alone is skipped. Without words and rules in the settings, no
rule is changed, and everything is taken.

https://docs.x.com/x-api/posts/filtered-stream/integrate/build-a-rule
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.printable import escape_unprintable
from pipeline.settings import Settings
from pipeline.settings.checks import variable_of
from pipeline.settings.secret_files import read_file
from pipeline.sources.live.http.site import Site

PATH = "/2/tweets/search/stream/rules"
_TAG = "tocsin"
_MAX_RULE = 512  # characters, at the access level that allows the fewest
_MAX_PAGES = 50
_OPERATOR = re.compile(r"[#@$]\w+")
_IMPOSSIBLE = re.compile(r'["\\*]')
# X has these languages under codes of its own.
_X_LANGUAGES = {"id": "in", "he": "iw"}
_WORDS, _FILE = variable_of("source_words"), variable_of("source_rules_file")


class _Rule(NamedTuple):
    id: str
    value: str
    tag: str


def wanted_rules(settings: Settings) -> list[str]:
    """Return the rules that the settings ask for; empty: those that are there are used as they are.

    Raises:
        SettingsError: the file of rules cannot be read, or holds none.
    """
    if settings.source_rules_file is not None:
        return _rules_of_file(settings.source_rules_file)
    words = settings.source_words.split(",") if settings.source_words else []
    if bad := [word for word in words if _IMPOSSIBLE.search(word)]:
        raise SettingsError(
            [
                f"{_WORDS}: {bad[0]!r} cannot stand in a rule of X, which has no wildcards; rules go into {_FILE}"
            ]
        )
    return _rules_of(words, settings.source_languages)


def _rules_of_file(file: Path) -> list[str]:
    content = read_file(file, "source_rules_file").decode("utf-8", "replace")
    lines = (line.strip() for line in content.splitlines())
    if not (rules := list(dict.fromkeys(line for line in lines if line and not line.startswith("# ")))):
        raise SettingsError([f"{_FILE}: {file} holds no rule: expected one a line"])
    return rules


def _rules_of(words: Sequence[str], languages: str) -> list[str]:
    """Return rules for posts with one of the words, in one of the languages; as few as their length allows."""
    codes = [] if languages == "all" else [_X_LANGUAGES.get(code, code) for code in languages.split(",")]
    suffix = f" ({' OR '.join(f'lang:{code}' for code in codes)})" if codes else ""
    rules: list[str] = []
    group: list[str] = []
    for word in words:
        term = word if _OPERATOR.fullmatch(word) else f'"{word}"'
        if group and len(_joined([*group, term])) + len(suffix) > _MAX_RULE:
            rules.append(_joined(group) + suffix)
            group = []
        group.append(term)
    return [*rules, _joined(group) + suffix] if group else []


def _joined(terms: Sequence[str]) -> str:
    return f"({' OR '.join(terms)})"


async def apply_rules(site: Site, wanted: Sequence[str]) -> frozenset[str] | None:
    """Make the rules at X as wanted; return the ids of the rules whose posts are taken, None for all.

    Raises:
        SourceRefusedError: X refuses a rule, or there is none at all.
        SourceUnavailableError: X is away or busy.
    """
    present = await _present_rules(site)
    if not wanted:
        if not present:
            raise SourceRefusedError(f"{site.server} has no rule for the stream: set {_WORDS} or {_FILE}")
        return None
    missing = set(wanted) - {rule.value for rule in present}
    if missing:
        # New rules come first: in between, rather too much is sent than too little.
        body = {"add": [{"value": value, "tag": _TAG} for value in wanted if value in missing]}
        _check_added(await site.post(PATH, body, blame=f"{_WORDS} or {_FILE}"), site)
    stale = [rule.id for rule in present if rule.tag == _TAG and rule.value not in wanted]
    if stale:
        await site.post(PATH, {"delete": {"ids": stale}}, blame=f"{_WORDS} or {_FILE}")
    present = await _present_rules(site) if missing or stale else present
    return frozenset(rule.id for rule in present if rule.value in wanted)


async def _present_rules(site: Site) -> list[_Rule]:
    rules: list[_Rule] = []
    params: dict[str, str] = {}
    for _ in range(_MAX_PAGES):
        page, _headers = await site.get(PATH, params)
        try:
            rules.extend(_read_rules(page.get("data") or ()))
            token = (page.get("meta") or {}).get("next_token")
        except (AttributeError, KeyError, TypeError) as error:
            raise SourceUnavailableError(f"{site.server} gives no list of rules") from error
        if not isinstance(token, str):
            break
        params = {"pagination_token": token}
    return rules


def _read_rules(data: Iterable[Any]) -> list[_Rule]:
    return [_Rule(str(rule["id"]), str(rule["value"]), str(rule.get("tag", ""))) for rule in data]


def _check_added(answer: Any, site: Site) -> None:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if isinstance(errors, list) and errors:
        first = errors[0] if isinstance(errors[0], dict) else {}
        title, value = (escape_unprintable(str(first.get(name, "")))[:200] for name in ("title", "value"))
        raise SourceRefusedError(
            f"{site.server} refuses {len(errors)} rules ({title}: {value}): check {_WORDS} and {_FILE}"
        )
