import uuid

from pipeline.messages import outcome_id


def test_the_outcome_id_depends_on_the_post_alone() -> None:
    """The same post has the same id in every process, and another post another one."""
    assert outcome_id("p1") == outcome_id("p1") == str(uuid.UUID(outcome_id("p1")))
    assert outcome_id("p1") != outcome_id("p2")
