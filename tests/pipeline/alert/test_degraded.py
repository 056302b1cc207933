import msgspec
import pytest

from pipeline.alert.degraded import degraded_alert
from pipeline.errors import InvalidMessageError
from pipeline.messages import Alert, Entity, outcome_id
from tests.pipeline.fakes import make_annotated_post


def test_it_says_what_the_network_found_and_that_no_llm_was_asked() -> None:
    """The surest entity, the sentiment as theme, the label, the post's own outcome id; no event is named."""
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


def test_without_an_entity_there_is_nothing_to_say() -> None:
    """Nothing is invented."""
    with pytest.raises(InvalidMessageError):
        degraded_alert(make_annotated_post("nothing named"))
