from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.settings import PREFIX, Settings, load_settings
from pipeline.settings.__main__ import main
from pipeline.settings.document import render_env_file, render_page
from pipeline.topology import ROLES, Role


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return the root of a checkout whose tocsin.env sets one setting, with both files current."""
    for folder in ("docs", "deploy"):
        (tmp_path / folder).mkdir()
    (tmp_path / "deploy" / "tocsin.env").write_text("TOCSIN_TOPIC_PARTITIONS=8\n")
    assert main([], tmp_path) == 0
    return tmp_path


def test_the_page_shows_default_and_bounds_of_each_setting() -> None:
    """Words, ranges and switches are written as a user would set them."""
    page = render_page()
    assert "| `TOCSIN_TOPIC_PARTITIONS` | `4` | 1 to 10,000 |" in page
    assert "| `TOCSIN_TEMPERATURE` | `0.7` | 0 to 2 |" in page
    assert "| `TOCSIN_STOP_SECONDS` | `6.0` | above 0, to 600 |" in page
    assert "| `TOCSIN_LEDGER_SECONDS` | `604800.0` | from 0 |" in page
    assert "| `TOCSIN_STALL_EXIT` | `false` | `true`, `false` |" in page
    assert "| `TOCSIN_CANDIDATE_PROMPT` | `candidate-v1` | `candidate-v1`, `writer-v1`, `writer-v2` |" in page
    assert "| `TOCSIN_KAFKA_USERNAME` |  |  |" in page


def test_the_page_has_every_setting_once() -> None:
    """A new field gets its row by itself."""
    rows = [line for line in render_page().splitlines() if line.startswith(f"| `{PREFIX}")]
    variables = [row.split("`")[1] for row in rows]
    assert [name for name in Settings.model_fields if variables.count(PREFIX + name.upper()) != 1] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_batches_of_an_agent_stand_under_its_heading(role: Role) -> None:
    """Without a section of its own in `document`, a new agent's settings would stand under the heading of another."""
    sections = re.split(r"^## ", render_page(), flags=re.MULTILINE)
    (own,) = [text for text in sections if text.startswith(f"The {role.name} agent")]
    names = [f"`{PREFIX}{role.name.upper()}_{what}`" for what in ("BATCH_SIZE", "BATCH_SECONDS")]
    assert [name for name in names if name not in own] == []


def test_documented_variables_that_are_not_settings_are_accepted() -> None:
    """A shell may have set one for the training, for example, when it starts an agent."""
    table = render_page().split("## Not settings of an agent")[1]
    variables = re.findall(rf"^\| `({PREFIX}\w+)` \|", table, re.MULTILINE)
    assert variables
    assert load_settings(environ=dict.fromkeys(variables, "anything")) == load_settings(environ={})


def test_the_env_file_keeps_set_values_and_comments_out_the_others() -> None:
    """Values of a deployment survive; every other setting shows its default."""
    text = render_env_file("# old words\nTOCSIN_TOPIC_PARTITIONS=8\n#TOCSIN_DEVICE=cpu\n")
    lines = text.splitlines()
    assert "TOCSIN_TOPIC_PARTITIONS=8" in lines
    assert "#TOCSIN_DEVICE=auto" in lines
    assert "old words" not in text
    assert [line for line in lines if line.startswith("TOCSIN_")] == ["TOCSIN_TOPIC_PARTITIONS=8"]
    assert max(map(len, lines)) <= 120


def test_written_files_are_current(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check accepts the files that the command has written."""
    assert main(["--check"], checkout) == 0
    assert capsys.readouterr().err == ""
    assert "\nTOCSIN_TOPIC_PARTITIONS=8\n" in (checkout / "deploy" / "tocsin.env").read_text()


@pytest.mark.parametrize("name", ["docs/settings.md", "deploy/tocsin.env"])
def test_a_file_that_differs_is_named_with_the_difference(
    checkout: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check ends with status 1, changes nothing, and shows the difference from the fields."""
    file = checkout / name
    edited = (
        file.read_text().replace("replicas of topics", "copies of topics").replace("Replicas of", "Copies of")
    )
    file.write_text(edited)
    assert main(["--check"], checkout) == 1
    error = capsys.readouterr().err
    assert f"{name} is not current: run python -m pipeline.settings" in error
    assert "opies of topics" in error
    assert file.read_text() == edited


def test_other_arguments_are_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with status 2 and shows its usage."""
    assert main(["--chek"], checkout) == 2
    assert "--check" in capsys.readouterr().err
