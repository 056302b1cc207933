#!/usr/bin/env bash
# One JSON Schema, one document, two verdicts: "^[a-z0-9]+$" against "abc" with a line feed behind it.
#
# A producer in Python that checks its ids by jsonschema or msgspec sends an id that a consumer in JavaScript (ajv), or
# in Python by fastjsonschema or pydantic, refuses. The specification asks for the regular expressions of ECMA-262,
# where "$" is the end of the text; Python's re also finds it before a last line feed. A class that excludes the line
# feed does not help. "(?![\s\S])" in the place of "$" means the end to all of them but pydantic, whose engine has no
# look-around unless told (regex_engine="python-re").
#
# Needs Python 3.11 or newer and Node.js with npm. Ends with a status other than 0 if a verdict is no more the one below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    jsonschema==4.26.0 fastjsonschema==2.21.2 msgspec==0.20.0 pydantic==2.12.5
npm install --silent --no-audit --no-fund --ignore-scripts ajv@8.20.0

cat > verdicts.py <<'PYTHON'
from importlib.metadata import version
from typing import Annotated

import fastjsonschema, jsonschema, msgspec, pydantic

TEXT = "abc\n"


def by_jsonschema(pattern):
    return jsonschema.Draft202012Validator({"type": "string", "pattern": pattern}).is_valid(TEXT)


def by_fastjsonschema(pattern):
    try:
        fastjsonschema.compile({"type": "string", "pattern": pattern})(TEXT)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def by_msgspec(pattern):
    try:
        msgspec.convert(TEXT, Annotated[str, msgspec.Meta(pattern=pattern)])
    except msgspec.ValidationError:
        return False
    return True


def by_pydantic(pattern):
    try:
        pydantic.TypeAdapter(Annotated[str, pydantic.StringConstraints(pattern=pattern)]).validate_python(TEXT)
    except pydantic.ValidationError:
        return False
    except pydantic.errors.PydanticSchemaGenerationError:
        return None
    except Exception as error:
        assert "look-around" in str(error), error
        return None
    return True


for name, check in (("jsonschema", by_jsonschema), ("fastjsonschema", by_fastjsonschema),
                    ("msgspec", by_msgspec), ("pydantic", by_pydantic)):
    words = {True: "valid", False: "refused", None: "no such pattern"}
    print(name, version(name), *(words[check(p)] for p in ("^[a-z0-9]+$", r"^[a-z0-9]+(?![\s\S])")), sep=" | ")
PYTHON

cat > verdicts.mjs <<'JAVASCRIPT'
import Ajv from "ajv";
import { readFileSync } from "node:fs";
const version = JSON.parse(readFileSync("node_modules/ajv/package.json")).version;
const verdicts = ["^[a-z0-9]+$", "^[a-z0-9]+(?![\\s\\S])"].map((pattern) =>
  new Ajv().validate({ type: "string", pattern }, "abc\n") ? "valid" : "refused");
console.log(["ajv", version, ...verdicts].join(" | "));
JAVASCRIPT

echo 'validator | version | ^[a-z0-9]+$ | ^[a-z0-9]+(?![\s\S])'
{ venv/bin/python verdicts.py; node verdicts.mjs; } | tee seen
diff seen - <<'SEEN' && echo "as it was seen"
jsonschema | 4.26.0 | valid | refused
fastjsonschema | 2.21.2 | refused | refused
msgspec | 0.20.0 | valid | refused
pydantic | 2.12.5 | refused | no such pattern
ajv | 8.20.0 | refused | refused
SEEN
