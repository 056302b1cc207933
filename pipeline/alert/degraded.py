"""The alert of a post for which no LLM could be asked: only where a setting allows it, and labelled as what it is."""

from __future__ import annotations

from models.prompts.plain_text import visible
from pipeline.alert.attempt import Generation
from pipeline.errors import InvalidMessageError
from pipeline.messages import Alert, AnnotatedPost, Provenance, outcome_id


def degraded_alert(post: AnnotatedPost) -> Generation:
    """Return an alert that says what the network found and no more: its surest entity, and the post's sentiment.

    The theme ("Negative mention") names no event, for nobody has read the post.

    Raises:
        InvalidMessageError: the post has no entity or no sentiment; no LLM would have been asked about it.
    """
    if not post.entities or post.sentiment is None:
        raise InvalidMessageError("an alert without an LLM needs an entity and a sentiment")
    entity = max(post.entities, key=lambda entity: entity.score)
    theme = f"{post.sentiment.label.capitalize()} mention"
    alert = Alert(
        id=outcome_id(post.post.id),
        alert=f"{theme}: {visible(entity.text)}",
        theme=theme,
        entity=entity.text,
        entity_type=entity.type,
        entity_start=entity.start,
        entity_end=entity.end,
        degraded=True,
        sentiment=post.sentiment,
        post=post.post,
        origin=post.origin,
        provenance=Provenance(
            checkpoint=post.checkpoint,
            llm=None,
            candidate_prompt=None,
            selection_prompt=None,
            num_sampled=0,
            num_valid=0,
            selected_by=None,
        ),
        stages=post.stages,
    )
    return Generation(alert, (), (), None, None)
