"""The jars that `make kafka` fetches."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from tests.deploy.deploy_files import DEPLOY, load_compose

_POM = ElementTree.parse(DEPLOY / "kafka" / "pom.xml")
_NAMESPACE = {"": "http://maven.apache.org/POM/4.0.0"}


def _versions() -> dict[str | None, str]:
    pinned = [*_POM.iterfind(".//dependency", _NAMESPACE), *_POM.iterfind(".//plugin", _NAMESPACE)]
    return {
        part.findtext("artifactId", None, _NAMESPACE): part.findtext("version", "", _NAMESPACE)
        for part in pinned
    }


def test_every_version_is_pinned() -> None:
    """`make kafka` fetches the same jars tomorrow, by the same plugin."""
    versions = _versions()
    assert set(versions) == {"kafka_2.13", "slf4j-simple", "maven-dependency-plugin"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())


def test_the_kafka_that_is_tested_is_the_one_that_is_deployed() -> None:
    """The jars are of the version of the image in the Compose file."""
    image = load_compose()["services"]["kafka"]["image"]
    assert image == f"apache/kafka:{_versions()['kafka_2.13']}"
