"""What holds for every variant."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models import Featurizer, JointModel, ModelConfig, Output, Sentence, load_checkpoint, save_checkpoint
from tests.models.samples import SMALL_VARIANTS, sample_sentences, small_model, small_vocabularies

CONFIGS = {
    **SMALL_VARIANTS,
    "A-softmax-IOBES-focal": replace(
        SMALL_VARIANTS["A"], use_crf=False, tag_scheme="IOBES", sentiment_loss="focal"
    ),
    "F-IOBES-binary": replace(
        SMALL_VARIANTS["F"], tag_scheme="IOBES", sentiment_labels=("negative", "positive")
    ),
}


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return CONFIGS[request.param]


Run = Callable[[list[Sentence]], list[tuple[torch.Tensor, torch.Tensor]]]


def runner(model: JointModel, config: ModelConfig) -> Run:
    """Run sentences as one batch; return tag scores (T, K) and sentiment logits (S,) of each, without padding."""
    featurize = Featurizer(config, small_vocabularies())

    def run(sentences: list[Sentence]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        with torch.no_grad():
            output: Output = model(featurize(sentences))
        return [
            (output.tag_scores[row, : len(sentence.words)], output.sentiment_logits[row])
            for row, sentence in enumerate(sentences)
        ]

    return run


def test_order_padding_and_other_sentences_do_not_matter(config: ModelConfig) -> None:
    """A sentence has the same outputs alone, in a batch, and in the reversed batch."""
    run = runner(small_model(config), config)
    sentences = sample_sentences()
    together, turned = run(sentences), run(sentences[::-1])[::-1]
    for row, sentence in enumerate(sentences):
        for alone, one, other in zip(run([sentence])[0], together[row], turned[row], strict=True):
            torch.testing.assert_close(one, alone, atol=1e-5, rtol=0)
            torch.testing.assert_close(other, alone, atol=1e-5, rtol=0)


def test_gradients_reach_every_parameter(config: ModelConfig) -> None:
    """One step of both losses moves everything that can be trained."""
    model = small_model(config).train()
    batch = Featurizer(config, small_vocabularies())(sample_sentences((6, 9, 4, 7, 8, 9)))
    tags = torch.arange(batch.words.numel()).view_as(batch.words) % len(config.tags)
    output = model(batch)
    labels = torch.arange(6) % len(config.sentiment_labels)
    loss = model.ner_loss(output, batch, tags) + model.sentiment_loss(output, labels)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    unreached = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not unreached


def test_training_learns_a_batch_by_heart(config: ModelConfig) -> None:
    """A few steps on one batch bring both losses close to zero."""
    calm = replace(config, word_dropout=0.0, embedding_dropout=0.0, ner_dropout=0.0, sentiment_dropout=0.0)
    model = small_model(calm).train()
    batch = Featurizer(calm, small_vocabularies())(sample_sentences())
    tags = torch.zeros_like(batch.words)
    tags[0, 0] = calm.tags.index("B-LOC" if calm.tag_scheme == "BIO" else "S-LOC")
    labels = torch.arange(6) % len(calm.sentiment_labels)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(120):
        output = model(batch)
        ner_loss, sentiment_loss = model.ner_loss(output, batch, tags), model.sentiment_loss(output, labels)
        optimiser.zero_grad()
        (ner_loss + sentiment_loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
    assert ner_loss < 0.1
    assert sentiment_loss < 0.1


def test_save_and_load_give_the_same_bits(config: ModelConfig, tmp_path: Path) -> None:
    """A checkpoint yields exactly the outputs of the network rounded to float16, and saves to the same hash."""
    model = small_model(config)
    vocabularies = small_vocabularies()
    saved: dict[str, Any] = {
        "name": "t",
        "config": config,
        "vocabularies": vocabularies,
        "metadata": {"f1": 0.5},
    }
    first = save_checkpoint(tmp_path / "one", model=model, **saved)
    loaded = load_checkpoint(tmp_path / "one")
    assert save_checkpoint(tmp_path / "two", model=loaded.model, **saved) == first == loaded.sha256
    rounded = runner(model.half().float(), config)(sample_sentences())
    again = runner(loaded.model, loaded.config)(sample_sentences())
    for row, other in zip(rounded, again, strict=True):
        assert all(torch.equal(one, two) for one, two in zip(row, other, strict=True))


def test_entities_are_scored_and_inside_the_sentence(config: ModelConfig) -> None:
    """Decoded entities lie in their sentence, do not overlap, and have probabilities."""
    model = small_model(config)
    sentences = sample_sentences((8,) * 20)
    batch = Featurizer(config, small_vocabularies())(sentences)
    torch.manual_seed(0)
    # Without training all tags are about equally likely; these are not.
    output = Output(tag_scores=3 * torch.randn(20, 8, len(config.tags)), sentiment_logits=torch.zeros(20, 3))
    found = model.decode_entities(output, batch)
    assert sum(map(len, found)) > 0
    for spans in found:
        assert all(0 <= scored.score <= 1 for scored in spans)
        borders = [border for scored in spans for border in (scored.span.start, scored.span.end)]
        assert borders == sorted(borders)
        assert all(0 <= border <= 8 for border in borders)


def test_no_entity_continues_at_a_word_that_begins_a_line(config: ModelConfig) -> None:
    """Entities may begin there; the other sentences, and the scores themselves, do not change."""
    model = small_model(config)
    batch = Featurizer(config, small_vocabularies())(sample_sentences((8,) * 20))
    torch.manual_seed(0)
    scores = 3 * torch.randn(20, 8, len(config.tags))
    output = Output(tag_scores=scores.clone(), sentiment_logits=torch.zeros(20, 3))
    free = model.decode_entities(output, batch)
    limited = model.decode_entities(output, batch, [(3, 5)] * 10 + [()] * 10)
    assert limited[10:] == free[10:]
    assert torch.equal(output.tag_scores, scores)
    spans = [scored.span for of_text in limited[:10] for scored in of_text]
    assert not any(span.start < start < span.end for span in spans for start in (3, 5))
    assert any(span.start in (3, 5) for span in spans)
    assert any(s.span.start < 3 < s.span.end for of_text in free[:10] for s in of_text)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cpu_and_gpu_agree(config: ModelConfig) -> None:
    """The same weights give the same outputs on both devices."""
    model = small_model(config)
    batch = Featurizer(config, small_vocabularies())(sample_sentences())
    with torch.no_grad():
        here = model(batch)
        there = model.to("cuda")(batch.to("cuda"))
    torch.testing.assert_close(there.tag_scores.cpu(), here.tag_scores, atol=1e-4, rtol=0)
    torch.testing.assert_close(there.sentiment_logits.cpu(), here.sentiment_logits, atol=1e-4, rtol=0)


def test_a_parse_matters_only_if_the_variant_reads_one() -> None:
    """Another tree changes the outputs of A, B, C and E, and not those of D and F."""
    sentences = sample_sentences((9,))
    other = [replace(sentences[0], heads=(8,) * 9)]
    for letter, config in SMALL_VARIANTS.items():
        run = runner(small_model(config), config)
        is_same = torch.equal(run(sentences)[0][0], run(other)[0][0])
        assert is_same == (letter in "DF"), letter
