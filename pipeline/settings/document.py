"""What is written about the settings, generated from their fields: docs/settings.md, and the comments of tocsin.env.

A description stands once, at its field. A page and a file that repeat it by hand would drift from it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from pipeline.settings.checks import PREFIX, variable_of
from pipeline.settings.fields import Settings


class Section(NamedTuple):
    """Settings that are shown together: from one field to the next section's first."""

    title: str
    remark: str = ""  # remark on the page
    deploy_remark: str = ""  # remark in tocsin.env


# By the first field of each: a new setting belongs to the section in which its field stands.
_SECTIONS: Mapping[str, Section] = {
    "brokers": Section("Kafka: brokers and topics"),
    "kafka_tls": Section(
        "Kafka: TLS and login",
        "[kafka-security.md](kafka-security.md) says which Kafka needs which of these. Prefer settings that end in\n"
        "`_FILE` for secrets: everyone who may inspect a container can read its environment.",
        "compose.secured.yaml and compose.token.yaml set some of these. docs/kafka-security.md says which Kafka "
        "needs which. Prefer files for secrets: everyone who may inspect a container can read its environment.",
    ),
    "carry_headers": Section("Records, consumer groups and the ledger"),
    "post_format": Section(
        "Posts: formats and languages", "[sources.md](sources.md) shows every format with an example."
    ),
    "checkpoint": Section("The annotate agent: network and batches"),
    "llm_url": Section(
        "The alert agent: LLM, samples and selection",
        "[alerts.md](alerts.md) says how alerts are made, [llm-servers.md](llm-servers.md) what a server must be able "
        "to do.",
    ),
    "source_url": Section(
        "Live sources: `tocsin source`",
        "[sources-live.md](sources-live.md) says which source needs which of these.",
        "docs/sources-live.md says which source needs which of these.",
    ),
    "metrics_host": Section(
        "The process: metrics, log, stalls, stops",
        "[operations.md](operations.md) says how an agent is watched.",
    ),
}

_HEAD = f"""# What can I set?

<!-- Written by `python -m pipeline.settings` from pipeline/settings/fields.py; do not edit. -->

`{PREFIX}*` environment variables, or the same names in lower case without the prefix in a TOML file (`--config FILE`).
Variables win over the file, options of a command win over both. Unknown names and bad values are refused at the start,
all of them at once, with status 2.
"""

_FOOT = """
## Not settings of an agent

| variable | read by |
|---|---|
| `TOCSIN_CONFIG` | every command: the file of `--config` |
| `TOCSIN_KAFKA_LIBS` | `tocsin up --kafka apache`, `make test-kafka`, `make chaos`: a folder of Apache Kafka's jars |
| `TOCSIN_VLLM_PYTHON` | `tocsin up --llm vllm`: the Python of an environment that has vLLM |
| `TOCSIN_DATA` | `python -m training`, `make bench`: the folder of the corpora; unset: `data`, or if there is none \
`shared/data` beside the repository |
"""

_ENV_HEAD = """The settings of the agents. Lines without a `#` suit this deployment; the others show the defaults.
compose.yaml sets the broker, the LLM server with its key, and the address of the metrics. No secret belongs here.
`python -m pipeline.settings` writes the comments; values that are set stay."""

# compose.yaml sets these itself.
_SET_BY_COMPOSE = frozenset({"brokers", "llm_url", "llm_api_key", "metrics_host", "metrics_port"})

# What matters in the deployment with Compose alone.
_DEPLOY_REMARKS: Mapping[str, str] = {
    "topic_replication": "3 on a cluster of three brokers",
    "kafka_msk_region": "the image then needs EXTRA_PACKAGES=aws-msk-iam-sasl-signer-python",
    "llm_timeout_seconds": "the queue of a GPU may be long",
    "llm_max_tokens": "models that reason and are known by name answer at once, see TOCSIN_LLM_TEMPLATE",
    "stop_seconds": "stop_grace_period in compose.yaml must be longer",
}
_ENV_WIDTH = 118


def render_page() -> str:
    """Return the text of docs/settings.md."""
    parts = [_HEAD]
    for section, fields in _sections():
        parts.append(f"\n## {section.title}\n")
        if section.remark:
            parts.append(f"\n{section.remark}\n")
        parts.append("\n| variable | default | allowed | |\n|---|---|---|---|\n")
        parts += [_row(name, field) for name, field in fields]
    return "".join([*parts, _FOOT])


def render_env_file(old: str) -> str:
    """Return the text of tocsin.env: every setting with its comment, and with the value that `old` gives it."""
    values = dict(_assignments(old))
    paragraphs = [_comment(_ENV_HEAD, keeps_lines=True)]
    for section, fields in _sections():
        paragraphs.append(_comment(f"{section.title}. {section.deploy_remark}".strip()))
        shown = [(name, field) for name, field in fields if name not in _SET_BY_COMPOSE]
        paragraphs.append("\n".join(_env_lines(name, field, values) for name, field in shown))
    return "\n\n".join(paragraphs) + "\n"


def _sections() -> list[tuple[Section, list[tuple[str, FieldInfo]]]]:
    sections: list[tuple[Section, list[tuple[str, FieldInfo]]]] = []
    # Inherited fields come first in `model_fields`; on the page they come last.
    fields = sorted(Settings.model_fields.items(), key=lambda item: item[0] not in Settings.__annotations__)
    for name, field in fields:
        if name in _SECTIONS:
            sections.append((_SECTIONS[name], []))
        sections[-1][1].append((name, field))
    return sections


def _row(name: str, field: FieldInfo) -> str:
    default = _text_of(field.default)
    shown = f"`{default}`" if default else ""
    return f"| `{variable_of(name)}` | {shown} | {_allowed(field)} | {field.description} |\n"


def _env_lines(name: str, field: FieldInfo, values: Mapping[str, str]) -> str:
    variable = variable_of(name)
    is_set = variable in values
    assignment = f"{variable}={values[variable] if is_set else _text_of(field.default)}"
    choices = f"one of {', '.join(_choices(field))}" if _choices(field) else ""
    words = [field.description or "", choices, _DEPLOY_REMARKS.get(name, "")]
    comment = "; ".join(word for word in words if word)
    return f"{_comment(comment[:1].upper() + comment[1:] + '.')}\n{'' if is_set else '#'}{assignment}"


def _assignments(text: str) -> Iterable[tuple[str, str]]:
    """Yield the variables that an env file sets, with their values."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def _comment(text: str, *, keeps_lines: bool = False) -> str:
    lines = text.splitlines() if keeps_lines else textwrap.wrap(text, _ENV_WIDTH, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


def _text_of(default: Any) -> str:
    """Return a default as it is written in the environment."""
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def _allowed(field: FieldInfo) -> str:
    """Return which values a field takes, as far as its type says; the description says the rest."""
    choices = _choices(field) or (["true", "false"] if field.annotation is bool else [])
    return ", ".join(f"`{choice}`" for choice in choices) or _range_of(field.metadata)


def _choices(field: FieldInfo) -> list[str]:
    """Return the words that a field takes; empty if it takes more than a few."""
    kind = _without_none(field.annotation)
    return list(get_args(kind)) if get_origin(kind) is Literal else []


def _range_of(metadata: Iterable[Any]) -> str:
    bounds = {
        name: getattr(part, name) for part in metadata for name in ("gt", "ge", "le") if hasattr(part, name)
    }
    above, least, most = bounds.get("gt"), bounds.get("ge"), bounds.get("le")
    if least is not None:
        return f"from {_number(least)}" if most is None else f"{_number(least)} to {_number(most)}"
    if above is not None:
        return f"above {_number(above)}" + ("" if most is None else f", to {_number(most)}")
    return "" if most is None else f"to {_number(most)}"


def _number(value: Any) -> str:
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = [part for part in get_args(annotation) if part is not type(None)]
    return annotation
