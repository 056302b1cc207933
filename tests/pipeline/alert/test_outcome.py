import msgspec
import pytest

from pipeline.alert.outcome import degraded_alert
from pipeline.errors import InvalidMessageError
from pipeline.messages import Alert, Entity, outcome_id
from tests.pipeline.fakes import make_annotated_post


def test_a_degraded_alert_names_the_surest_entity_and_no_llm() -> None:
    """It has the sentiment as its theme and names no event; it is marked, and its id is that of the post's outcome."""
    post = make_annotated_post("Fire in Athens")
    surer = Entity(text="Fire", type="MISC", start=0, end=4, score=0.95)
    post = msgspec.structs.replace(post, entities=[*post.entities, surer])
    alert = degraded_alert(post).outcome
    assert isinstance(alert, Alert)
    assert (alert.alert, alert.theme, alert.entity) == ("Negative mention: Fire", "Negative mention", "Fire")
    assert post.post.text[alert.entity_start : alert.entity_end] == alert.entity
    assert (alert.degraded, alert.id) == (True, outcome_id(post.post.id))
    assert (alert.provenance.llm, alert.provenance.selected_by, alert.provenance.num_sampled) == (
        None,
        None,
        0,
    )


def test_a_post_without_an_entity_has_no_degraded_alert() -> None:
    """The network found nothing that an alert could name."""
    with pytest.raises(InvalidMessageError):
        degraded_alert(make_annotated_post("nothing named"))
