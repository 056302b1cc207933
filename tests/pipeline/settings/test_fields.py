import pytest
from pydantic import ValidationError

from pipeline.settings import Settings


def test_every_setting_is_described() -> None:
    """The settings page and `--help` take their words from the description."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_settings_cannot_be_changed() -> None:
    """Every part of the process sees the same values for as long as it runs."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.brokers = "other:9092"  # type: ignore[misc]


def test_the_environment_is_read_by_load_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are built in code have the defaults wherever they are built."""
    monkeypatch.setenv("TOCSIN_BROKERS", "other:9092")
    assert Settings().brokers == "127.0.0.1:9092"
