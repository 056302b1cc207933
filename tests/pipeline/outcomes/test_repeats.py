from pipeline.messages import Post
from pipeline.outcomes.outcome import Outcome
from pipeline.outcomes.repeats import Repeats
from tests.pipeline.fakes import make_abstention, make_alert, make_annotated_post


def _repeats(*posts: tuple[str, str]) -> Repeats:
    return Repeats([Post(id=post_id, text=text) for post_id, text in posts])


def test_the_same_text_under_the_same_id_is_a_repeat_at_once() -> None:
    """The first text's outcome does not matter. An edit is not a repeat."""
    repeats = _repeats(("a", "chat"), ("a", "chat"), ("a", "Athens"), ("a", "chat"), ("b", "chat"))
    assert repeats.number == 2


def test_edits_after_an_alert_are_repeats_and_those_before_it_are_not() -> None:
    """The order in which the outcomes are read does not matter."""
    chat, news = make_annotated_post("chat", post_id="a"), make_annotated_post("Athens", post_id="a")
    both: list[Outcome] = [make_abstention(chat), make_alert(news)]
    for outcomes in (both, both[::-1]):
        repeats = _repeats(("a", "chat"), ("a", "Athens"), ("a", "Athens!"), ("a", "chat"), ("b", "Athens"))
        for outcome in outcomes:
            repeats.note(outcome)
        assert repeats.number == 2
        repeats.note(make_alert(make_annotated_post("Athens", post_id="elsewhere")))
        assert repeats.number == 2
