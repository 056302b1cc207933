from importlib.resources import files
from typing import get_args

import pytest

from models.prompts.prompt import load_prompt
from pipeline.errors import SettingsError
from pipeline.llm.chat import choose_template
from pipeline.settings import load_settings
from pipeline.settings.checks import CandidatePromptName, TemplateName


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("brokers", "", "HOST:PORT"),
        ("brokers", ",", "HOST:PORT"),
        ("brokers", "kafka:9092,", "HOST:PORT"),
        ("brokers", "localhost", "HOST:PORT"),
        ("brokers", "localhost:abc", "HOST:PORT"),
        ("brokers", "localhost:0", "ports from 1 to 65535"),
        ("brokers", "localhost:65536", "ports from 1 to 65535"),
        ("brokers", "::1:9092", "HOST:PORT"),
        ("topic_posts", "a/b", "'.', '_' and '-'"),
        ("topic_posts", "posts\n", "'.', '_' and '-'"),
        ("topic_alerts", "..", "'.', '_' and '-'"),
        ("topic_dead", "x" * 250, "1 to 249"),
        ("device", "banana", "auto, cpu, cuda or cuda:N"),
        ("device", "cuda:", "auto, cpu, cuda or cuda:N"),
        ("llm_url", "http://[", "http://HOST"),
        ("llm_url", "http:host", "http://HOST"),
        ("llm_url", "http:///v1", "http://HOST"),
        ("llm_url", "http://host:99999/v1", "http://HOST"),
        ("llm_url", "http://a host/v1", "http://HOST"),
        ("llm_timeout_seconds", "inf", "finite"),
        ("stop_seconds", "nan", "finite"),
        ("max_post_bytes", "900001", "900000"),
        ("carry_headers", "source,,region", "NAME[,NAME...]"),
        ("carry_headers", "a\tb", "printable"),
        ("carry_headers", "x" * 201, "1 to 200"),
        ("carry_headers", "source,source", "each once"),
        ("carry_headers", ",".join(f"h{n}" for n in range(33)), "at most 32 names"),
        ("carry_headers", "tocsin-attempt", "headers are ours"),
    ],
)
def test_a_value_that_cannot_work_is_refused_at_the_start(name: str, value: str, expected: str) -> None:
    """The error names the variable and its value, and says which values would work."""
    variable = f"TOCSIN_{name.upper()}"
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={variable: value})
    [problem] = caught.value.problems
    assert problem.startswith(f"{variable}={value!r}: ")
    assert expected in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("brokers", "kafka:19092"),
        ("brokers", "10.0.0.1:9092,my_kafka.example-1.org:65535"),
        ("brokers", "[::1]:9092,[fe80::1]:9093"),
        ("topic_posts", "Team-1.posts_raw"),
        ("topic_posts", "x" * 249),
        ("device", "cpu"),
        ("device", "cuda:12"),
        ("llm_url", "https://llm.example.org/openai/v1/"),
        ("llm_url", "http://my_vllm:8000/v1"),
        ("llm_url", "http://[::1]:8000/v1"),
        ("carry_headers", ""),
        ("carry_headers", "source,X-B3-TraceId,größe"),
    ],
)
def test_a_value_that_can_work_is_accepted(name: str, value: str) -> None:
    """The checks are no stricter than Kafka, PyTorch and HTTP."""
    assert getattr(load_settings(environ={f"TOCSIN_{name.upper()}": value}), name) == value


def test_blanks_in_the_list_of_brokers_are_dropped() -> None:
    """A list is often written with blanks after its commas, which the Kafka clients would refuse."""
    assert load_settings(environ={"TOCSIN_BROKERS": " a:1, b:2 "}).brokers == "a:1,b:2"


def test_blanks_in_the_list_of_headers_are_dropped() -> None:
    """Blanks are dropped as in the list of brokers. A value of blanks alone names no header."""
    assert (
        load_settings(environ={"TOCSIN_CARRY_HEADERS": " source , region "}).carry_headers == "source,region"
    )
    assert load_settings(environ={"TOCSIN_CARRY_HEADERS": " "}).carry_headers == ""


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"TOCSIN_TOPIC_DEAD": "posts"},
            "TOCSIN_TOPIC_DEAD='posts': expected another topic than TOCSIN_TOPIC_POSTS",
        ),
        # One of the two settings has its default.
        (
            {"TOCSIN_TOPIC_POSTS": "alerts"},
            "TOCSIN_TOPIC_ALERTS='alerts' (default): expected another topic than TOCSIN_TOPIC_POSTS",
        ),
    ],
)
def test_two_topics_of_one_name_are_refused(environ: dict[str, str], problem: str) -> None:
    """An agent that reads what it writes would never end."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    assert caught.value.problems == [problem]


def test_the_prompt_setting_allows_every_prompt_of_samples_and_no_other() -> None:
    """The names that the setting allows are those of the files; prompts of selection and judge cannot."""
    names = {
        file.name.removesuffix(".toml")
        for file in files("models.prompts").iterdir()
        if file.name.endswith(".toml")
    }
    assert {name for name in names if not name.startswith(("selection", "judge"))} == set(
        get_args(CandidatePromptName)
    )
    assert [load_prompt(name).ref for name in get_args(CandidatePromptName)] == [
        *get_args(CandidatePromptName)
    ]


@pytest.mark.parametrize("name", sorted(set(get_args(TemplateName)) - {"auto", "server"}))
def test_every_template_that_can_be_chosen_exists(name: str) -> None:
    """Each template that the setting allows renders a chat, whatever the model is called."""
    template = choose_template(name, "any-model")
    assert template is not None
    assert template.name == name


def test_every_template_can_be_chosen() -> None:
    """Every template that a model's name can choose has a name that the setting allows."""
    found = [choose_template("auto", model) for model in ("DeepSeek-R1", "Qwen3-4B", "SmolLM3")]
    assert {template.name for template in found if template} <= set(get_args(TemplateName))
    assert choose_template("server", "Qwen3-4B") is None
