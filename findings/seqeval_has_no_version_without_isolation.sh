#!/usr/bin/env bash
# seqeval, the scorer of named entities, cannot be installed from hashed requirements with build isolation off: it calls itself 0.0.0.
#
# seqeval 1.2.2 comes as source only. Its setup.py takes the version from setuptools-scm, and names that in `setup_requires`.
# With isolation pip fetches setuptools-scm for the build, in whatever version and without a hash. A careful install switches
# isolation off and brings setuptools itself. Then setuptools passes over `use_scm_version` without an error, the package is
# built as 0.0.0, and pip ends with "No matching distribution found for seqeval==1.2.2", while it lists 1.2.2 among the
# versions that it knows. The version is in the source all the time (PKG-INFO). With setuptools-scm beside setuptools it is 1.2.2.
#
# Seen with seqeval 1.2.2, setuptools 84.2.1, setuptools-scm 10.3.4 and pip 26.3:
#   setuptools alone: expected '1.2.2', but metadata has '0.0.0'
#   with setuptools-scm: seqeval 1.2.2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" --disable-pip-version-check --no-cache-dir)
"${pip[@]}" install --quiet pip==26.3 setuptools==84.2.1
echo "seqeval==1.2.2 --hash=sha256:f28e97c3ab96d6fcd32b648f6438ff2e09cfba87f05939da9b3970713ec56e6f" > "$folder/requirements.txt"
install=("${pip[@]}" install --require-hashes --no-deps --no-build-isolation --requirement "$folder/requirements.txt")

if "${install[@]}" > "$folder/log" 2>&1; then
    echo "this has changed: setuptools alone builds $("${pip[@]}" freeze)" && exit 1
fi
grep -o "expected '1.2.2', but metadata has '0.0.0'" "$folder/log" | sed 's/^/setuptools alone: /'
grep -q "No matching distribution found for seqeval==1.2.2" "$folder/log"
grep -q "from versions: .*1\.2\.2" "$folder/log"

"${pip[@]}" install --quiet setuptools-scm==10.3.4
"${install[@]}" > "$folder/log" 2>&1
"${pip[@]}" list 2>/dev/null | grep -E '^seqeval +1\.2\.2$' | sed 's/  */ /; s/^/with setuptools-scm: /'
