"""The licence of the code, the remarks on the weights, and how to cite."""

import hashlib
import re
import tomllib
from pathlib import Path

import yaml

_ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_licence_is_the_official_text() -> None:
    """It is Apache-2.0 to the last byte, and the package's metadata name it."""
    official = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert hashlib.sha256((_ROOT / "LICENSE").read_bytes()).hexdigest() == official
    assert _PROJECT["license"] == "Apache-2.0"
    assert _PROJECT["license-files"] == ["LICENSE", "NOTICE"]


def test_the_notice_names_all_weights() -> None:
    """It names each folder of trained weights, and the folder's card gives their terms."""
    named = re.findall(r"models/\w+/\w+", (_ROOT / "NOTICE").read_text(encoding="utf-8"))
    weights = [file.parent for file in (_ROOT / "models").glob("*/*/*.safetensors")]
    assert sorted(named) == sorted(str(folder.relative_to(_ROOT)) for folder in weights)
    for folder in weights:
        assert re.search(r"^## Licen", (folder / "README.md").read_text(encoding="utf-8"), re.M), folder


def test_the_citation_is_of_this_release() -> None:
    """It has the release's version and licence, and the two papers on which it rests."""
    citation = yaml.safe_load((_ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == _PROJECT["version"]
    assert citation["license"] == _PROJECT["license"]
    assert len(citation["references"]) == 2
    for reference in citation["references"]:
        assert reference["title"]
        assert all(author["family-names"] and author["given-names"] for author in reference["authors"])
