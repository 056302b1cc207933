"""A network that knows the annotation guidelines of several corpora."""

from dataclasses import replace

import pytest
import torch

from models import (
    NO_GUIDELINES,
    Annotation,
    Annotator,
    Checkpoint,
    Featurizer,
    JointModel,
    Output,
    Sentence,
    UnknownGuidelinesError,
)
from tests.models.samples import SMALL_VARIANTS, sample_sentences, small_model, small_vocabularies

CONFIG = replace(SMALL_VARIANTS["E"], sources=("btc", "wnut17"), default_source="wnut17")


@pytest.fixture
def model() -> JointModel:
    """The vectors of its guidelines differ, as they do after training."""
    model = small_model(CONFIG)
    torch.manual_seed(1)
    weight = model.state_dict()["token_encoder.source.embedding.weight"]
    weight[1:] = torch.randn_like(weight[1:])
    return model


def run(model: JointModel, sentences: list[Sentence]) -> Output:
    with torch.no_grad():
        output: Output = model(Featurizer(CONFIG, small_vocabularies())(sentences))
    return output


def by_guidelines(name: str | None) -> list[Sentence]:
    return [replace(sentence, guidelines=name) for sentence in sample_sentences()]


def test_each_guidelines_have_their_own_outputs(model: JointModel) -> None:
    """Known guidelines differ from each other and from unknown ones; a sentence that names none has the default."""
    scores = {name: run(model, by_guidelines(name)).tag_scores for name in ("btc", "wnut17", "unknown", None)}
    assert torch.equal(scores[None], scores["wnut17"])
    for one, other in (("btc", "wnut17"), ("btc", "unknown"), ("wnut17", "unknown")):
        assert not torch.allclose(scores[one], scores[other])


def test_guidelines_of_other_sentences_of_the_batch_do_not_matter(model: JointModel) -> None:
    """A sentence has the same outputs alone and beside sentences with other guidelines."""
    names = ("btc", "wnut17", None, "unknown", "btc", "wnut17")
    mixed = [replace(s, guidelines=name) for s, name in zip(sample_sentences(), names, strict=True)]
    together = run(model, mixed)
    for row, sentence in enumerate(mixed):
        alone, length = run(model, [sentence]), len(sentence.words)
        torch.testing.assert_close(together.tag_scores[row, :length], alone.tag_scores[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            together.sentiment_logits[row], alone.sentiment_logits[0], atol=1e-5, rtol=0
        )


def test_unknown_guidelines_add_nothing(model: JointModel) -> None:
    """A sentence whose guidelines are unknown has the outputs of a network that knows no guidelines."""
    plain = small_model(replace(CONFIG, sources=(), default_source=""))
    weights = {name: value for name, value in model.state_dict().items() if ".source." not in name}
    plain.load_state_dict(weights)
    assert torch.equal(
        run(plain, by_guidelines("unknown")).tag_scores, run(model, by_guidelines("unknown")).tag_scores
    )


def test_training_learns_guidelines_and_sometimes_hides_them() -> None:
    """Gradients reach the vectors of the guidelines in the batch, unless dropout has hidden them."""
    sentences = by_guidelines("btc")
    for dropout, is_moved in ((0.0, True), (0.999999, False)):
        config = replace(CONFIG, source_dropout=dropout)
        model = small_model(config).train()
        output = model(Featurizer(config, small_vocabularies())(sentences))
        output.tag_scores.sum().backward()
        [gradient] = [p.grad for n, p in model.named_parameters() if ".source." in n]
        assert gradient is not None
        assert bool(gradient[1].any()) is is_moved
        assert not gradient[[0, 2]].any()


def test_an_annotator_can_follow_other_guidelines(model: JointModel) -> None:
    """`following` gives the annotations that another default would give, and does not change the annotator itself."""
    texts = ["Fire in Athens on Monday!!!", "so NASA", "iPhone 1996"]

    def annotator(default: str) -> Annotator:
        config = replace(CONFIG, default_source=default)
        return Annotator(Checkpoint("t", config, small_vocabularies(), model, {}, "", {}))

    of_wnut = annotator("wnut17")
    before = of_wnut.annotate(texts)
    assert of_wnut.following("btc").annotate(texts) == annotator("btc").annotate(texts) != before
    assert of_wnut.annotate(texts) == before
    of_none = of_wnut.following(NO_GUIDELINES)
    assert of_none.annotate(texts) == annotator("").annotate(texts) != before
    assert [one.guidelines for one in (of_wnut, of_none, annotator(""))] == ["wnut17", "none", "none"]
    with pytest.raises(
        UnknownGuidelinesError, match=r"guidelines 'conll': expected one of btc, wnut17, or none"
    ):
        of_wnut.following("conll")


def test_the_sentiment_of_a_source_may_have_a_head_of_its_own() -> None:
    """Texts of that source read it, in a mixed batch too; all others read the head that every network has."""
    config = replace(CONFIG, sentiment_sources=("btc",))
    model = small_model(config)
    names = ("btc", "wnut17", None, "unknown", "btc", "wnut17")
    mixed = [replace(s, guidelines=name) for s, name in zip(sample_sentences(), names, strict=True)]

    def logits() -> torch.Tensor:
        with torch.no_grad():
            output: Output = model(Featurizer(config, small_vocabularies())(mixed))
        return output.sentiment_logits

    before = logits()
    model.state_dict()["sentiment_heads.btc.4.bias"] += 1
    assert (logits() - before).any(dim=1).tolist() == [name == "btc" for name in names]


def test_an_annotator_reads_the_head_of_its_guidelines() -> None:
    """What is served is the default's sentiment; `following` gives that of the other source."""
    config = replace(CONFIG, sentiment_sources=("btc",))
    model = small_model(config)
    for index, head in enumerate(("sentiment_head", "sentiment_heads.btc")):
        model.state_dict()[f"{head}.4.bias"][index] += 100
    annotator = Annotator(Checkpoint("t", config, small_vocabularies(), model, {}, "", {}))
    for name, label in (
        (None, "negative"),
        ("btc", "neutral"),
        ("wnut17", "negative"),
        (NO_GUIDELINES, "negative"),
    ):
        [found] = (annotator.following(name) if name else annotator).annotate(["Fire in Athens on Monday"])
        assert isinstance(found, Annotation)
        assert found.sentiment is not None
        assert found.sentiment.label == label
