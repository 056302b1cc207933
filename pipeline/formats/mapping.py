"""A mapping: a TOML file of JMESPath expressions that make posts of any JSON (TOCSIN_POST_MAPPING).

id = "data.key"
text = "data.body"
posts = "items[]"       # optional: where the posts lie in a document; the others then begin at each of them
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.parser import ParsedResult

from pipeline.errors import InvalidMessageError, SettingsError
from pipeline.formats.fields import EXPRESSION_FAILED
from pipeline.formats.format import Draft, Skipped, Unread
from pipeline.formats.networks.skipped import NOTHING
from pipeline.formats.reasons import keys_of
from pipeline.messages.unknown_fields import POST_FIELDS
from pipeline.printable import printable
from pipeline.settings import assignment

POSTS = "posts"
_REQUIRED = ("id", "text")
_KEYS = sorted((POSTS, *POST_FIELDS))
_MAX_SHOWN = 200


class PostMapping:
    """The expressions of one file.

    Args:
        expressions: by the field of a post that they give, and `posts`.
    """

    def __init__(self, expressions: Mapping[str, ParsedResult]) -> None:
        self._posts = expressions.get(POSTS)
        self._fields = {name: e for name, e in expressions.items() if name != POSTS}

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return the mapping in a TOML file.

        Raises:
            SettingsError: all mistakes, each with its key, expression and place.
        """
        where = assignment("post_mapping", str(file))
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError([f"{where}: cannot be read: {error.strerror}"]) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError([f"{where}: not TOML: {error}"]) from error
        problems = [_explain_unknown(key) for key in table if key not in _KEYS]
        problems += [f"no `{key}`: a post needs it" for key in _REQUIRED if key not in table]
        expressions: dict[str, ParsedResult] = {}
        for key in table.keys() & set(_KEYS):
            try:
                expressions[key] = _compile(table[key])
            except ValueError as error:
                problems.append(f"{key} = {str(table[key])[:_MAX_SHOWN]!r}: {error}")
        if problems:
            raise SettingsError([f"{where}: {problem}" for problem in problems])
        return cls(expressions)

    @property
    def finds_posts(self) -> bool:
        """Whether it says where the posts of a document lie, so that a list is one document."""
        return self._posts is not None

    def read(self, document: Any) -> Iterable[Draft | Skipped | Unread]:
        """Yield the drafts in a document, or why one is none; of a document without posts, that it was skipped.

        Raises:
            InvalidMessageError: `posts` fails or finds nothing.
        """
        parts = [document] if self._posts is None else self._find_posts(self._posts, document)
        if not parts:
            yield Skipped(NOTHING)
        for part in parts:
            try:
                yield self._draft(part)
            except InvalidMessageError as error:
                yield Unread(error, part)

    def _find_posts(self, expression: ParsedResult, document: Any) -> list[Any]:
        posts = _search(POSTS, expression, document)
        if posts is None:
            raise InvalidMessageError(_found_nothing(POSTS, expression, document))
        return posts if isinstance(posts, list) else [posts]

    def find_id(self, document: Any) -> Any:
        """Return the id in a document, None if it has none.

        Raises:
            InvalidMessageError: the expression fails on this document.
        """
        return _search("id", self._fields["id"], document)

    def _draft(self, document: Any) -> Draft:
        fields: dict[str, Any] = {}
        changes: dict[str, None] = {}
        for name, expression in self._fields.items():
            try:
                fields[name] = _search(name, expression, document)
            except InvalidMessageError:
                if name in _REQUIRED:
                    raise
                # What only travels through costs no post.
                fields[name] = None
                changes[EXPRESSION_FAILED] = None
        for name in _REQUIRED:
            if fields[name] is None:
                raise InvalidMessageError(_found_nothing(name, self._fields[name], document))
        return Draft(**fields, changes=tuple(changes))


def _compile(text: Any) -> ParsedResult:
    """Return the expression.

    Raises:
        ValueError: it is none; the text says what is wrong and where.
    """
    if not isinstance(text, str):
        raise ValueError("expected a JMESPath expression as a text")
    try:
        expression = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(_explain_syntax(error, text)) from error
    _check_functions(expression.parsed)
    return expression


def _explain_syntax(error: JMESPathError, text: str) -> str:
    if not text.strip():
        return "is empty"
    place = getattr(error, "lex_position", None)
    if not isinstance(place, int):
        return str(error).replace("\n", " ")
    # The lexer's errors have a text of their own; the parser's have theirs in `msg`.
    problem = str(getattr(error, "message", "") or getattr(error, "msg", ""))
    if place >= len(text):
        return f"the expression ends too early, after character {len(text)}"
    return f"at character {place + 1}, {text[place : place + 20]!r}: {problem}"


def _check_functions(node: Any) -> None:
    # jmespath itself finds an unknown function only when it is called.
    if node["type"] == "function_expression":
        name = node["value"]
        table: Mapping[str, Any] = Functions.FUNCTION_TABLE
        if name not in table:
            raise ValueError(f"there is no function {name}(){_did_you_mean(name, table)}")
        signature = table[name]["signature"]
        is_variadic = bool(signature) and signature[-1].get("variadic", False)
        given, expected = len(node["children"]), len(signature)
        if given < expected or (given > expected and not is_variadic):
            raise ValueError(f"{name}() takes {expected} argument{'s' * (expected != 1)}, not {given}")
    for child in node["children"]:
        if isinstance(child, dict):
            _check_functions(child)


def _search(name: str, expression: ParsedResult, document: Any) -> Any:
    try:
        return expression.search(document)
    # Functions of jmespath also raise errors of Python's own, for values that they do not expect.
    except Exception as error:
        problem = printable(str(error), max_characters=_MAX_SHOWN)
        raise InvalidMessageError(
            f"not a Post by the mapping: {_shown(name, expression)} fails: {problem}"
        ) from error


def _found_nothing(name: str, expression: ParsedResult, document: Any) -> str:
    return f"not a Post by the mapping: {_shown(name, expression)} finds nothing; {keys_of(document)}"


def _shown(name: str, expression: ParsedResult) -> str:
    return f"{name} = {expression.expression[:_MAX_SHOWN]!r}"


def _explain_unknown(key: str) -> str:
    hint = _did_you_mean(key, _KEYS) or f"; expected {', '.join(_KEYS)}"
    return f"{key}: no such field of a post{hint}"


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    return "".join(f"; did you mean {match}?" for match in difflib.get_close_matches(name, names, n=1))
