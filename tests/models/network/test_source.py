"""A network that tells its corpora apart."""

from dataclasses import replace

import pytest
import torch

from models import (
    NO_SOURCE,
    Annotator,
    Checkpoint,
    Featurizer,
    JointModel,
    Output,
    Sentence,
    UnknownSourceError,
)
from tests.models.samples import SMALL_VARIANTS, sample_sentences, small_model, small_vocabularies

CONFIG = replace(SMALL_VARIANTS["E"], sources=("btc", "wnut17"), default_source="wnut17")


@pytest.fixture
def model() -> JointModel:
    """Its sources differ, as after training."""
    model = small_model(CONFIG)
    torch.manual_seed(1)
    weight = model.state_dict()["token_encoder.source.embedding.weight"]
    weight[1:] = torch.randn_like(weight[1:])
    return model


def run(model: JointModel, sentences: list[Sentence]) -> Output:
    with torch.no_grad():
        output: Output = model(Featurizer(CONFIG, small_vocabularies())(sentences))
    return output


def from_source(source: str | None) -> list[Sentence]:
    return [replace(sentence, source=source) for sentence in sample_sentences()]


def test_each_source_has_outputs_of_its_own(model: JointModel) -> None:
    """Known sources differ from each other and from an unknown one; without one the default holds."""
    scores = {name: run(model, from_source(name)).tag_scores for name in ("btc", "wnut17", "unknown", None)}
    assert torch.equal(scores[None], scores["wnut17"])
    for one, other in (("btc", "wnut17"), ("btc", "unknown"), ("wnut17", "unknown")):
        assert not torch.allclose(scores[one], scores[other])


def test_sources_of_batch_mates_do_not_matter(model: JointModel) -> None:
    """A sentence beside others of other sources has the outputs that it has alone."""
    names = ("btc", "wnut17", None, "unknown", "btc", "wnut17")
    mixed = [replace(s, source=name) for s, name in zip(sample_sentences(), names, strict=True)]
    together = run(model, mixed)
    for row, sentence in enumerate(mixed):
        alone, length = run(model, [sentence]), len(sentence.words)
        torch.testing.assert_close(together.tag_scores[row, :length], alone.tag_scores[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            together.sentiment_logits[row], alone.sentiment_logits[0], atol=1e-5, rtol=0
        )


def test_an_unknown_source_is_a_network_without_sources(model: JointModel) -> None:
    """Where nothing is known of a text's guidelines nothing is added to its words."""
    plain = small_model(replace(CONFIG, sources=(), default_source=""))
    weights = {name: value for name, value in model.state_dict().items() if ".source." not in name}
    plain.load_state_dict(weights)
    assert torch.equal(
        run(plain, from_source("unknown")).tag_scores, run(model, from_source("unknown")).tag_scores
    )


def test_training_learns_sources_and_sometimes_drops_them() -> None:
    """Gradients reach the vectors of the sources that a batch has; those of a dropped one it is spared."""
    sentences = from_source("btc")
    for dropout, is_moved in ((0.0, True), (0.999999, False)):
        config = replace(CONFIG, source_dropout=dropout)
        model = small_model(config).train()
        output = model(Featurizer(config, small_vocabularies())(sentences))
        output.tag_scores.sum().backward()
        [gradient] = [p.grad for n, p in model.named_parameters() if ".source." in n]
        assert gradient is not None
        assert bool(gradient[1].any()) is is_moved
        assert not gradient[[0, 2]].any()


def test_an_annotator_follows_the_guidelines_it_is_told(model: JointModel) -> None:
    """`following` changes the annotation as another default would, and leaves the annotator itself as it was."""
    texts = ["Fire in Athens on Monday!!!", "so NASA", "iPhone 1996"]

    def annotator(default: str) -> Annotator:
        config = replace(CONFIG, default_source=default)
        return Annotator(Checkpoint("t", config, small_vocabularies(), model, {}, "", {}))

    of_wnut = annotator("wnut17")
    before = of_wnut.annotate(texts)
    assert of_wnut.following("btc").annotate(texts) == annotator("btc").annotate(texts) != before
    assert of_wnut.annotate(texts) == before
    of_none = of_wnut.following(NO_SOURCE)
    assert of_none.annotate(texts) == annotator("").annotate(texts) != before
    assert [one.source for one in (of_wnut, of_none, annotator(""))] == ["wnut17", "none", "none"]
    with pytest.raises(UnknownSourceError, match=r"'conll': expected one of btc, wnut17, or none"):
        of_wnut.following("conll")
