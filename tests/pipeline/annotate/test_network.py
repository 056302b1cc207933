"""The network as the settings name it."""

from models import Annotation
from pipeline.annotate.network import load_annotator, to_annotated_post
from pipeline.messages import Post
from pipeline.offline.given_post import NO_ORIGIN
from pipeline.settings import load_settings


def test_the_setting_chooses_the_guidelines_and_the_message_names_them() -> None:
    """The checkpoint's default holds without a setting; only some guidelines count people's handles as entities."""
    text = "Thanks @joe_smith, see you in Leeds"
    sources, found = [], []
    for environ in ({}, {"TOCSIN_GUIDELINES": "twitter2017"}, {"TOCSIN_GUIDELINES": "none"}):
        annotator = load_annotator(load_settings(environ={"TOCSIN_DEVICE": "cpu", **environ}))
        [annotation] = annotator.annotate([text])
        assert isinstance(annotation, Annotation)
        post = to_annotated_post(Post(id="1", text=text), annotation, annotator, origin=NO_ORIGIN, stages=[])
        sources.append(post.checkpoint.guidelines)
        found.append([(entity.text, entity.type) for entity in post.entities])
    assert sources == ["alerts", "twitter2017", "none"]
    assert found == [
        [("Leeds", "LOC")],
        [("joe_smith", "PER"), ("Leeds", "LOC")],
        [("Leeds", "LOC")],
    ]
