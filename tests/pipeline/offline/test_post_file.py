from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LlmUnusableError, SettingsError
from pipeline.offline.post_file import run_trial_file
from pipeline.settings import Settings
from tests.pipeline.llm.fake_llm import MODEL, FakeLlm, answering, completion, failure, is_canary

GIVEN = {
    "id": "a",
    "text": "Floods in Jakarta, WHO warns",
    "entities": ["Jakarta", "WHO"],
    "sentiment": "negative",
}


async def _run(
    capsys: pytest.CaptureFixture[str], folder: Path, *lines: Any, settings: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return the output for these lines, on a fake that samples and chooses."""
    file = folder / "posts.jsonl"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))

    def behave(request: dict[str, Any]) -> Any:
        if is_canary(request):
            return completion(["hi"])
        if "refuse" in json.dumps(request):
            return failure(400)
        return (
            completion(["2"])
            if request.get("n") is None
            else answering("Flood: Jakarta", "Aid: WHO")(request)
        )

    async with FakeLlm(behave) as llm:
        await run_trial_file(file, Settings(llm_url=llm.url, device="cpu", num_samples=3, **(settings or {})))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_everything_about_a_post_is_on_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Samples with verdicts, candidates, choice, outcome and the LLM's cost; the last line sums up."""
    [line, last] = await _run(capsys, tmp_path, GIVEN)
    assert (line["id"], line["outcome"], line["selected_by"]) == ("a", "alert", "llm")
    assert (line["entities"], line["sentiment"]) == (["Jakarta", "WHO"], "negative")
    assert [sample["verdict"] for sample in line["samples"]] == ["valid"] * 3
    chosen = line["candidates"][line["chosen"]]
    assert line["alert"] == f"{chosen['theme']}: {chosen['entity']}"
    assert sum(candidate["count"] for candidate in line["candidates"]) == 3
    assert (line["llm"]["requests"], line["llm"]["prompt_tokens"]) == (2, 14)
    assert last["summary"]["llm"] == MODEL
    assert (last["summary"]["posts"], last["summary"]["selection"]) == (1, "llm")


async def test_every_line_has_its_outcome_in_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Bad lines, given entities that do not fit the text, and a refusal are reported in order, with their own cost."""
    lines = await _run(
        capsys,
        tmp_path,
        GIVEN | {"id": "b", "text": "refuse Jakarta and WHO"},
        "not JSON",
        GIVEN | {"id": "c", "entities": ["Paris"]},
        GIVEN | {"id": "c2", "entities": [{"text": "Jakarta", "start": 3}]},
        GIVEN | {"id": "d", "entities": []},
        GIVEN | {"id": "e", "entities": [{"text": "WHO", "type": "ORG", "start": 19}, "Jakarta"]},
    )
    assert [line.get("outcome") for line in lines[:-1]] == [
        "llm_refused",
        "undecodable",
        "invalid_message",
        "invalid_message",
        "no_entity",
        "alert",
    ]
    assert [line["llm"]["requests"] > 0 for line in lines[:-1]] == [True, False, False, False, False, True]
    assert "entity 'Paris' is not in the text" in lines[2]["error"]
    assert lines[3]["error"].endswith("entity 'Jakarta' is not at start 3")


async def test_the_selection_setting_chooses_the_method(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """If the LLM does not choose, one request is enough."""
    [line, _] = await _run(capsys, tmp_path, GIVEN, settings={"selection": "majority"})
    assert (line["alert"], line["selected_by"], line["confidence"]) == (
        "Flood: Jakarta",
        "majority",
        pytest.approx(2 / 3),
    )
    assert line["llm"]["requests"] == 1


async def test_the_network_supplies_entities_that_a_line_lacks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A line without entities is annotated, and the sentiment that it gives is kept."""
    [line, _] = await _run(
        capsys, tmp_path, {"id": "a", "text": "Floods in Jakarta, thousands flee", "sentiment": "glad"}
    )
    assert line["entities"] == ["Jakarta"]
    assert line["sentiment"] == "glad"


async def test_a_file_that_can_be_produced_can_be_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Fields of other programs with the same names are not an error: the network is asked, and the line says so."""
    tweet = {"id": "b", "text": "Floods in Jakarta, thousands flee", "likes": 3}
    file = tmp_path / "posts.jsonl"
    file.write_bytes(
        b"\xef\xbb\xbf"
        + b"\r\n\r\n".join(
            json.dumps(post).encode()
            for post in (
                GIVEN,
                tweet | {"entities": {"hashtags": []}, "sentiment": "glad", "metadata": {"sentiment": 1}},
                tweet | {"entities": [{"label": "LOC", "start": 10, "end": 17}], "sentiment": 0.5},
                tweet | {"created_at": 5},
            )
        )
    )
    async with FakeLlm(answering("Flood: Jakarta")) as llm:
        await run_trial_file(file, Settings(llm_url=llm.url, device="cpu", selection="majority"))
    output = capsys.readouterr()
    first, second, third, fourth, _ = [json.loads(line) for line in output.out.splitlines()]
    assert [line["line"] for line in (first, second, third, fourth)] == [1, 3, 5, 7]
    assert (first["entities"], first.get("ignored")) == (["Jakarta", "WHO"], None)
    assert (second["entities"], second["sentiment"], second["ignored"]) == (["Jakarta"], "glad", ["entities"])
    assert (third["entities"], third["ignored"]) == (["Jakarta"], ["entities", "sentiment"])
    assert third["sentiment"] in ("negative", "neutral", "positive")
    assert (fourth["outcome"], fourth["entities"]) == ("alert", ["Jakarta"])
    assert output.err.splitlines()[-1] == (
        "fields that a post does not have, kept in its metadata: likes, entities, sentiment"
    )


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the file that was asked for."""
    with pytest.raises(SettingsError, match=r"gone\.jsonl: cannot be read"):
        await run_trial_file(tmp_path / "gone.jsonl", Settings())


async def test_a_broken_checkpoint_is_one_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The network is loaded in a task, and its error leaves the task group as it was raised."""
    lines = [{"id": name, "text": "Floods in Jakarta"} for name in "ab"]
    with pytest.raises(SettingsError, match="TOCSIN_CHECKPOINT='gone'"):
        await _run(capsys, tmp_path, *lines, settings={"checkpoint": "gone"})


async def test_no_text_of_a_post_controls_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Control characters and those that reorder text are printed as escapes, and read back as they were."""
    name = "a\u202eb\u009b"
    async with FakeLlm(answering("Flood: Jakarta")) as llm:
        file = tmp_path / "posts.jsonl"
        file.write_text(
            json.dumps(GIVEN | {"text": f"WHO warns {name}", "entities": [name]}, ensure_ascii=False)
        )
        await run_trial_file(file, Settings(llm_url=llm.url, device="cpu"))
    output = capsys.readouterr().out
    assert json.loads(output.splitlines()[0])["entities"] == [name]
    assert not {"\u202e", "\u009b"} & set(output)


async def test_an_unusable_server_ends_the_command(tmp_path: Path) -> None:
    """A server that refuses everything is not waited for: the error says why."""
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps(GIVEN) + "\n")
    async with FakeLlm(lambda _: failure(400)) as llm:
        with pytest.raises(LlmUnusableError, match="even a harmless request: status 400"):
            await run_trial_file(file, Settings(llm_url=llm.url, device="cpu"))


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("lists_models", [True, False])
async def test_a_wrong_key_or_address_ends_the_command(
    status: int, lists_models: bool, tmp_path: Path
) -> None:
    """Waiting does not correct a setting: the error names it, whichever request the server refuses first."""
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps(GIVEN) + "\n")
    async with FakeLlm(lambda _: failure(status)) as llm:
        if not lists_models:
            llm.models = failure(status)
        with pytest.raises(LlmUnusableError, match=f"status {status} .*check TOCSIN_LLM_"):
            async with asyncio.timeout(30):
                await run_trial_file(file, Settings(llm_url=llm.url, device="cpu"))
