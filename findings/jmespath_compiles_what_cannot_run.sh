#!/bin/sh
# jmespath for Python compiles expressions that can never run, and some of their errors are not its own.
#
# A program that takes expressions from its users compiles them at its start, and catches `JMESPathError` when it runs them. Neither
# is enough. A misspelled function, or a wrong number of arguments, is found at the first document alone; if the field before it is
# missing there, even later. A slice with the step 0 raises a plain ValueError. And `to_number` takes what Python's `float` and `int`
# take, not what JSON takes: an id such as "1_000" becomes another one.
#
# Seen with jmespath 1.1.0:
#   lenght(text): compiles; search raises UnknownFunctionError
#   length(text, text): compiles; search raises ArityError
#   items[::0]: compiles; search raises ValueError
#   to_number(id) of "1_000": 1000
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jmespath==1.1.0
cat > "$folder/finding.py" <<'PYTHON'
import jmespath
from jmespath.exceptions import JMESPathError

DOCUMENT = {"id": "1_000", "text": "a", "items": [1, 2]}


def error_of(expression):
    compiled = jmespath.compile(expression)
    try:
        compiled.search(DOCUMENT)
    except Exception as error:
        return error
    return None


expected = {"lenght(text)": ("UnknownFunctionError", True), "length(text, text)": ("ArityError", True),
            "items[::0]": ("ValueError", False)}
for expression, (name, is_own) in expected.items():
    error = error_of(expression)
    print(f"{expression}: compiles; search raises {type(error).__name__}")
    assert (type(error).__name__, isinstance(error, JMESPathError)) == (name, is_own), "this has changed"
number = jmespath.search("to_number(id)", DOCUMENT)
print(f'to_number(id) of "1_000": {number}')
assert number == 1000, "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
