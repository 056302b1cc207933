from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import load_settings


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    """Later sources win, value by value."""
    file = tmp_path / "tocsin.toml"
    file.write_text('brokers = "file:1"\nnum_samples = 3\ntemperature = 0.1\n')
    environ = {"TOCSIN_NUM_SAMPLES": "4", "TOCSIN_TEMPERATURE": "0.2", "HOME": "/"}
    settings = load_settings(file, environ=environ, overrides={"temperature": 0.3})
    assert (settings.brokers, settings.num_samples, settings.temperature) == ("file:1", 4, 0.3)


def test_all_mistakes_are_listed_at_once_with_their_names_and_values(tmp_path: Path) -> None:
    """A person can correct everything at once, wherever it was set."""
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
    """Neither the settings' text form nor an error shows it."""
    assert "hunter2" not in repr(load_settings(environ={"TOCSIN_LLM_API_KEY": "hunter2"}))
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides={"llm_api_key": ["hunter2"]}, environ={})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["num_samples = ", "\x00"])
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    """The error says that the file is not TOML."""
    file = tmp_path / "broken.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"broken\.toml: not TOML"):
        load_settings(file, environ={})


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    """The error says that the path leads nowhere."""
    with pytest.raises(SettingsError, match=r"gone\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "gone.toml", environ={})


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


def test_a_bad_option_is_named_as_it_is_called() -> None:
    """Some are shorter than their settings."""
    with pytest.raises(SettingsError, match=r"^--format='nope': input should be 'auto'"):
        load_settings(overrides={"post_format": "nope"}, environ={})
