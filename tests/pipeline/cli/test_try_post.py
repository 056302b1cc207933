"""Files that `tocsin try` checks before it loads anything."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from pipeline.cli.try_post import try_file
from pipeline.errors import SettingsError
from pipeline.offline import post_file
from pipeline.settings import Settings


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents of the file each time that its posts are read; no network and no LLM is loaded."""
    contents: list[bytes] = []

    async def run_trial_file(file: Path, settings: Settings, *, ignores_given: bool) -> None:
        contents.append(await asyncio.to_thread(file.read_bytes))

    monkeypatch.setattr(post_file, "run_trial_file", run_trial_file)
    return contents


@pytest.mark.timeout(30)
def test_a_pipe_is_opened_once(tmp_path: Path, read: list[bytes]) -> None:
    """A pipe that is opened to be checked, and closed again, loses what its writer sends."""
    pipe = tmp_path / "posts"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[b'{"id": "1", "text": "x"}'], daemon=True)
    writer.start()
    try_file(pipe, None)
    assert read == [b'{"id": "1", "text": "x"}']


def test_a_file_of_another_form_is_refused_before_anything_is_loaded(
    tmp_path: Path, read: list[bytes]
) -> None:
    """A file that does not exist is refused as early."""
    for content in (b"\x1f\x8b", None):
        file = tmp_path / f"posts{content is None}"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SettingsError, match=str(file)):
            try_file(file, None)
    assert read == []
