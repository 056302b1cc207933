"""The tests of `pipeline` as code."""

import re
from pathlib import Path

_IMPORT = re.compile(r"^\s*(?:from|import) tests\.pipeline\S*\.test_\w+", re.MULTILINE)


def test_no_test_module_imports_from_another() -> None:
    """Shared code is in modules of its own: a test module that others import cannot be changed alone."""
    modules = list(Path(__file__).parent.rglob("*.py"))
    assert Path(__file__) in modules
    assert [module.name for module in modules if _IMPORT.search(module.read_text())] == []
