import pytest

from pipeline.cli.views.demo import JsonView, TextView

_SUMMARY = {
    "posts": 4,
    "alerts": 1,
    "abstentions": {"no_entity": 1},
    "dead_letters": {"\x1b[31mdecode": 1, "unsent": 1},
    "repeated": 0,
    "deletions": 1,
    "skipped": 2,
    "seconds": 2.0,
}


def test_the_sum_names_every_post_and_obeys_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A post that the broker did not take is part of the sum, and a stage with control characters is escaped."""
    with TextView() as view:
        view.summarise(_SUMMARY)
    dead = "1 dead letter (\\x1b[31mdecode) + 1 dead letter (unsent)"
    shown = capsys.readouterr().out
    assert f"4 posts = 1 alert + 1 without an alert (no_entity) + {dead}\n" in shown
    assert "and no posts: 1 deletion, 2 items skipped\n" in shown


def test_only_what_was_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A file of posts alone has no line about other things."""
    with TextView() as view:
        view.summarise(_SUMMARY | {"deletions": 0, "skipped": 0})
    assert "and no posts" not in capsys.readouterr().out


@pytest.mark.parametrize("view", [TextView, JsonView])
def test_a_step_is_shown_as_it_is(
    view: type[TextView | JsonView], capsys: pytest.CaptureFixture[str]
) -> None:
    """Brackets in a step are not read as markup, and a long step stays on one line."""
    step = f"line 3 is not sent: [/red] {'word ' * 40}."
    with view() as shown:
        shown.report(step)
    captured = capsys.readouterr()
    assert f"… {step}\n" in captured.out + captured.err
