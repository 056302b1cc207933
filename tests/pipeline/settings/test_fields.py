from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    """Later sources win, value by value."""
    file = tmp_path / "tocsin.toml"
    file.write_text('brokers = "file:1"\nnum_samples = 3\ntemperature = 0.1\n')
    environ = {"TOCSIN_NUM_SAMPLES": "4", "TOCSIN_TEMPERATURE": "0.2", "HOME": "/"}
    settings = load_settings(file, environ=environ, overrides={"temperature": 0.3})
    assert (settings.brokers, settings.num_samples, settings.temperature) == ("file:1", 4, 0.3)


def test_all_mistakes_are_listed_at_once_with_their_names_and_values(tmp_path: Path) -> None:
    """A person mends everything in one go, wherever it was set."""
    file = tmp_path / "tocsin.toml"
    file.write_text('num_sample = 3\nllm_url = "ftp://x"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ={"TOCSIN_METRICS_PORT": "99999", "TOCSIN_LOG_LEVEL": "loud"})
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    assert f"{file}: num_sample: no such setting; did you mean num_samples?" in problems
    assert "llm_url='ftp://x'" in problems
    assert "TOCSIN_METRICS_PORT='99999'" in problems
    assert "TOCSIN_LOG_LEVEL='loud'" in problems


def test_a_misspelt_variable_is_refused() -> None:
    """A typing error in a deployment does not silently mean the default."""
    with pytest.raises(SettingsError, match="TOCSIN_BROKER: no such setting; did you mean TOCSIN_BROKERS"):
        load_settings(environ={"TOCSIN_BROKER": "kafka:9092"})


def test_a_secret_shows_nowhere() -> None:
    """Neither in the settings' text form nor in an error about it."""
    assert "hunter2" not in repr(load_settings(environ={"TOCSIN_LLM_API_KEY": "hunter2"}))
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides={"llm_api_key": ["hunter2"]}, environ={})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["num_samples = ", "\x00"])
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    """Not TOML is said as such."""
    file = tmp_path / "broken.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"broken\.toml: not TOML"):
        load_settings(file, environ={})


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A path that leads nowhere is said as such."""
    with pytest.raises(SettingsError, match=r"gone\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "gone.toml", environ={})


def test_every_setting_is_described() -> None:
    """README and --help take their words from here."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


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
        ("carry_headers", ",".join(f"h{n}" for n in range(33)), "32 names at most"),
        ("carry_headers", "tocsin-attempt", "headers are ours"),
    ],
)
def test_a_value_that_cannot_work_is_refused_at_the_start(name: str, value: str, expected: str) -> None:
    """The error names variable and value and says what would do."""
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
def test_whatever_can_work_is_taken_as_it_is(name: str, value: str) -> None:
    """The checks are no stricter than Kafka, PyTorch and HTTP."""
    assert getattr(load_settings(environ={f"TOCSIN_{name.upper()}": value}), name) == value


def test_blanks_in_the_list_of_brokers_are_dropped() -> None:
    """A list is often written with blanks after its commas; the Kafka clients would not take them."""
    assert load_settings(environ={"TOCSIN_BROKERS": " a:1, b:2 "}).brokers == "a:1,b:2"


def test_blanks_in_the_list_of_headers_are_dropped() -> None:
    """As in the list of brokers; none but blanks is no name."""
    assert (
        load_settings(environ={"TOCSIN_CARRY_HEADERS": " source , region "}).carry_headers == "source,region"
    )
    assert load_settings(environ={"TOCSIN_CARRY_HEADERS": " "}).carry_headers == ""


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"TOCSIN_TOPIC_DEAD": "posts"},
            "TOCSIN_TOPIC_DEAD='posts': expected another topic than topic_posts",
        ),
        # One of the two has its default.
        ({"TOCSIN_TOPIC_POSTS": "alerts"}, "topic_alerts='alerts': expected another topic than topic_posts"),
    ],
)
def test_two_topics_of_one_name_are_refused(environ: dict[str, str], problem: str) -> None:
    """An agent that reads what it writes would never end."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    assert caught.value.problems == [problem]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("llm_url", "http://user:hunter2@host/v1", "TOCSIN_LLM_API_KEY"),
        ("llm_url", "http://user:hun/hunter2@host/v1", "TOCSIN_LLM_API_KEY"),
        ("llm_url", "ftp://user:hunter2@host/v1", "TOCSIN_LLM_API_KEY"),
        ("llm_url", "http://host/v1?key=hunter2", "without a query"),
        ("brokers", "user:hunter2@kafka:9092", "HOST:PORT"),
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(name: str, value: str, expected: str) -> None:
    """Addresses are logged; the error says where a key belongs instead."""
    with pytest.raises(SettingsError, match=expected) as caught:
        load_settings(environ={f"TOCSIN_{name.upper()}": value})
    assert f"TOCSIN_{name.upper()}=(hidden)" in str(caught.value)
    assert "hunter2" not in str(caught.value)
