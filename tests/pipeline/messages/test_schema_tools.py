"""Our schemas in tools of others: ajv, datamodel-code-generator, quicktype and tsc (`make test-schemas`)."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from pipeline.messages.json_schema import FOLDER
from tests.pipeline.messages.schema_messages import NAMES, Message, good_messages, wrong_messages

pytestmark = [
    pytest.mark.schemas,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        which("npm") is None or which("node") is None, reason="Node.js and npm are not installed"
    ),
]

_NPM_PACKAGES = ["ajv@8.20.0", "quicktype@23.2.6", "typescript@5.9.3", "@types/node@20.19.25"]
_PIP_PACKAGES = ["datamodel-code-generator==0.89.0"]

# Ajv is called as its documentation begins: the default import, no option, no plugin.
_AJV = """
import Ajv from "ajv";
import { readFileSync } from "node:fs";
const { schemas, messages } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const ajv = new Ajv();
const validators = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));
console.log(JSON.stringify(messages.map(([name, message]) => validators[name](message))));
"""

# The generated readers check each field at run time.
_QUICKTYPE = """
import { readFileSync } from "node:fs";
%(imports)s
const readers: Record<string, (json: string) => unknown> = { %(readers)s };
const { messages } = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const [name, message] of messages) readers[name](JSON.stringify(message));
console.log(messages.length);
"""

_PYDANTIC = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
messages = json.load(open(sys.argv[2]))["messages"]
for name, message in messages:
    getattr(importlib.import_module(name), "".join(w.capitalize() for w in name.split("_"))).model_validate(message)
print(len(messages))
"""


def _run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tools of Node.js in it."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    _run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *_NPM_PACKAGES, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the tools of Python."""
    folder = tmp_path_factory.mktemp("python")
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(*pip, *_PIP_PACKAGES, cwd=folder)
    return folder / "bin"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[Message]:
    """The output of `tocsin demo --json` for some posts: an outcome of each kind."""
    folder = tmp_path_factory.mktemp("demo")
    posts = [
        {"id": "1", "text": "Floods in Jakarta: thousands leave their homes", "likes": 3, "author": "a"},
        {"id": "2", "text": "happy birthday to my sister", "metadata": {"desk": None}},
        {"id": "3", "texte": "no post"},
    ]
    (folder / "posts.jsonl").write_text("\n".join(json.dumps(post) for post in posts))
    program = Path(sys.executable).with_name("tocsin")
    output = _run(program, "demo", "--json", "--posts", "posts.jsonl", cwd=folder)
    outcomes = [next(iter(json.loads(line).items())) for line in output.splitlines()[:-1]]
    return [*outcomes, *(("post", outcome["post"]) for _, outcome in outcomes if "post" in outcome)]


def _write(folder: Path, messages: list[Message]) -> Path:
    schemas: dict[str, Any] = {name: json.loads((FOLDER / f"{name}.json").read_bytes()) for name in NAMES}
    file = folder / "messages.json"
    file.write_text(json.dumps({"schemas": schemas, "messages": messages}))
    return file


def test_real_messages_are_of_every_kind(real: list[Message]) -> None:
    """Only then do the other tests prove something about the messages on the topics."""
    assert {name for name, _ in real} >= {"alert", "abstention", "dead_letter", "post"}


def test_ajv_accepts_the_schemas_with_its_defaults(node: Path, real: list[Message], tmp_path: Path) -> None:
    """It compiles all of them, accepts every real and hostile message, and refuses the invalid ones."""
    good, wrong = [*real, *good_messages()], list(wrong_messages())
    (node / "validate.js").write_text(_AJV)
    verdicts = json.loads(_run("node", "validate.js", _write(tmp_path, [*good, *wrong]), cwd=node))
    assert verdicts == [True] * len(good) + [False] * len(wrong)


def test_types_of_quicktype_compile_and_read_every_message(
    node: Path, real: list[Message], tmp_path: Path
) -> None:
    """The types are in TypeScript and compile under `strict`."""
    for name in NAMES:
        quicktype = [node / "node_modules" / ".bin" / "quicktype", "--src-lang", "schema"]
        _run(*quicktype, FOLDER / f"{name}.json", "--out", f"{name}.ts", cwd=node)
    types = {name: "".join(word.capitalize() for word in name.split("_")) for name in NAMES}
    imports = "\n".join(f'import {{ Convert as {name} }} from "./{name}.js";' for name in types)
    readers = ", ".join(f"{name}: {name}.to{type_name}" for name, type_name in types.items())
    (node / "read.ts").write_text(_QUICKTYPE % {"imports": imports, "readers": readers})
    tsc = [node / "node_modules" / ".bin" / "tsc", "--strict", "--target", "es2022", "--module", "nodenext"]
    _run(
        *tsc, "--moduleResolution", "nodenext", "--types", "node", "--outDir", "compiled", "read.ts", cwd=node
    )
    good = [*real, *good_messages()]
    assert _run("node", "compiled/read.js", _write(tmp_path, good), cwd=node) == f"{len(good)}\n"


def test_types_of_datamodel_code_generator_read_every_message(
    python: Path, real: list[Message], tmp_path: Path
) -> None:
    """The types are pydantic models."""
    for name in NAMES:
        generate = [python / "datamodel-codegen", "--input-file-type", "jsonschema"]
        options = ["--output-model-type", "pydantic_v2.BaseModel", "--output", f"{name}.py"]
        _run(*generate, "--input", FOLDER / f"{name}.json", *options, cwd=tmp_path)
    good = [*real, *good_messages()]
    script = [python / "python", "-c", _PYDANTIC, tmp_path, _write(tmp_path, good)]
    assert _run(*script, cwd=tmp_path) == f"{len(good)}\n"
