"""Which files touch private attributes of libraries: one adapter a library, and no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pipeline

_PIPELINE = Path(pipeline.__file__).parent
# Each has a test that names every private attribute, and the version that it was read in.
_ADAPTERS = {"kafka/aiokafka_internals.py", "stream/faust_consumer.py", "stream/group_client.py"}
# Documented, in spite of its underscore.
_PUBLIC = {"os._exit"}


def _private_names(source: str) -> Iterator[str]:
    """Yield private names that the file does not define itself: of other objects, inherited, or imported."""
    nodes = list(ast.walk(ast.parse(source)))
    methods = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    fields = {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    fields |= {
        node.target.id
        for node in nodes
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            is_on_itself = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            is_ours = node.attr in methods or (is_on_itself and node.attr in fields)
            if not is_ours and ast.unparse(node) not in _PUBLIC:
                yield ast.unparse(node)
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if _is_private(alias.name))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_the_scan_finds_every_kind_of_private_name() -> None:
    """An attribute read or set on another object, an inherited one, an import; not our own."""
    source = """
from library import _helper, public
class Ours(public):
    def __init__(self):
        self._own = 1
    def _method(self):
        return self._own, self._method(), self._inherited, other._set, os._exit(1), type(self).__name__
"""
    assert set(_private_names(source)) == {"_helper", "self._inherited", "other._set"}


def test_private_attributes_of_libraries_are_used_in_the_adapters_alone() -> None:
    """So a new version of a library is read for one file."""
    found = {
        str(file.relative_to(_PIPELINE)): names
        for file in _PIPELINE.rglob("*.py")
        if (names := sorted(set(_private_names(file.read_text()))))
    }
    assert {name: found[name] for name in found if name not in _ADAPTERS} == {}
    assert found.keys() >= _ADAPTERS
