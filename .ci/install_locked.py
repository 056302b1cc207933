"""Install packages at the pins of requirements.lock, into the environment of the Python that runs this.

    .venv/bin/python .ci/install_locked.py --extras local,parser    the project's dependencies, and those of two extras
    .venv/bin/python .ci/install_locked.py setuptools               a package, and what it depends on

pip checks every hash. Only torch has none if pip would choose another build of it than PyPI's, such as 2.13.0+cpu:
docs/dependencies.md says why.
"""

import argparse
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
# Only PyPI's build depends on these.
_CUDA = re.compile(r"torch$|triton$|cuda-|nvidia-")


def normalise(name: str) -> str:
    """Return a package's name as the lock writes it: "tensorboardX[a]>=2" is "tensorboardx"."""
    match = _NAME.match(name)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def read_lock(lock: str) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """Return by package: its pins with their hashes (one or, by Python, several), and what it depends on."""
    pins: dict[str, list[str]] = {}
    needs: dict[str, set[str]] = {}
    for pin in re.split(r"^(?=[a-z0-9])", lock, flags=re.M):
        if not pin.startswith("#") and pin.strip():
            name = normalise(pin)
            pins.setdefault(name, []).append(pin)
            for user in re.findall(r"^ +#(?: via|  ) ([\w.-]+)", pin, re.M):
                needs.setdefault(normalise(user), set()).add(name)
    return pins, needs


def close(names: Iterable[str], needs: dict[str, set[str]]) -> set[str]:
    """Return these packages and all that they depend on."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs.get(name, ())
    return found


def project_names(extras: Iterable[str]) -> list[str]:
    """Return the project's direct dependencies and those of these extras."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    listed = list(project["dependencies"])
    for extra in extras:
        listed += project["optional-dependencies"][extra]
    return [normalise(one) for one in listed]


def _pip(*arguments: str, **options: Any) -> str:
    """Run this Python's pip and return what it prints, if that is captured. Exits if it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, check=False, text=True, **options)  # noqa: S603 - pip, and names of the lock
    if done.returncode:
        print(done.stderr or "", end="", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout or ""


def _is_other_build(version: str) -> bool:
    """Return whether torch is a build with a suffix ("+cpu"): the installed one or, if there is none, pip's choice."""
    try:
        installed = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        installed = ""
    if installed.partition("+")[0] == version:
        return "+" in installed
    # Captured, because pip warns that this command is an experiment.
    return f" {version}+" in _pip("index", "versions", "torch", capture_output=True)


def _install_pins(pins: Iterable[str]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as part:
        part.writelines(pins)
        part.flush()
        # The lock is complete: packages that are not in it are not wanted.
        options = ["--require-hashes", "--no-deps", "--no-build-isolation", "--use-pep517"]
        _pip("install", "--quiet", *options, "--requirement", part.name)


def install(names: Iterable[str]) -> None:
    """Install these packages and all that they depend on."""
    pins, needs = read_lock((_ROOT / "requirements.lock").read_text())
    wanted = close(names, needs)
    if unknown := sorted(wanted - pins.keys()):
        sys.exit(f"not in requirements.lock: {', '.join(unknown)}")
    other_torch = None
    if "torch" in wanted:
        torch = pins["torch"][0].split()[0]
        if _is_other_build(torch.removeprefix("torch==")):
            other_torch = torch
            wanted = {name for name in wanted if not _CUDA.match(name)}
    _install_pins(pin for name in sorted(wanted) for pin in pins[name])
    if other_torch:
        # With its dependencies: builds for other releases of CUDA have wheels of their own.
        _pip("install", "--quiet", other_torch)


def main() -> None:
    """Read the command line and install."""
    parser = argparse.ArgumentParser(description="Install what requirements.lock pins, by its hashes.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a package of the lock")
    parser.add_argument("--extras", help="the project's dependencies too, and these extras', by commas")
    arguments = parser.parse_args()
    extras = arguments.extras
    names = [] if extras is None else project_names(filter(None, extras.split(",")))
    install([*names, *map(normalise, arguments.names)])


if __name__ == "__main__":
    main()
