import math
import random

import pytest
import torch

from models.prompts.prompt import ChatMessage, Verdict
from training.writer.answers import WriterAnswer
from training.writer.batches import NOT_COMPARED, Branch, TokenTree, collate, make_batches, tokenize_example
from training.writer.examples import WriterExample
from training.writer.trainer import MasterWeights, preference_loss


def answer(tokens: list[int], weight: float, *, is_wrong: bool = False) -> Branch:
    return Branch(tokens, len(tokens) - 1, [weight] * len(tokens), [0.0] * len(tokens), is_wrong)


TREE = TokenTree([1, 2, 3], [answer([4, 5, 9], 1.0), answer([6, 9], 0.5)])
SHORT = TokenTree([7], [answer([9], 1.0)])


def test_an_answer_sees_only_the_prompt_and_itself() -> None:
    """Answers that share a prompt are trained as if each had a prompt of its own."""
    batch = collate([TREE, SHORT])
    # Prompt 1 2 3, then 4 5 of the first answer and 6 of the second.
    assert batch.tokens[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert batch.positions[0].tolist() == [0, 1, 2, 3, 4, 3]
    assert [row.nonzero().flatten().tolist() for row in batch.mask[0, 0]] == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 5],
    ]


def test_every_answer_token_is_predicted_once_from_the_place_before_it() -> None:
    """The first token of each answer is predicted at the prompt's end; the last token is not read."""
    batch = collate([TREE, SHORT])
    width = batch.tokens.shape[1]
    assert batch.predicted_at.tolist() == [2, 3, 4, 2, 5, width]
    assert batch.targets.tolist() == [4, 5, 9, 6, 9, 9]
    assert batch.writer_weights.tolist() == [1.0, 1.0, 1.0, 0.5, 0.5, 1.0]


class LetterTokenizer:
    """A FAKE tokenizer: each character is a token."""

    eos_token_id = 0

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return list(map(ord, text))

    def apply_chat_template(self, messages: list[ChatMessage], **_: object) -> str:
        return messages[-1]["content"]


def test_the_judge_learns_from_the_verdict_alone() -> None:
    """The writer learns the alert, never the verdict; of a false alert it learns nothing, and the judge its verdict."""
    answers = (
        WriterAnswer("A: b", 0.5, is_true=True, verdict_weight=1.0),
        WriterAnswer("C: b", 0.0, is_true=False, verdict_weight=0.25),
        WriterAnswer("NO", 1.0),
    )
    example = WriterExample([ChatMessage(role="user", content="p")], answers)
    good, wrong, refusal = tokenize_example(LetterTokenizer(), example, Verdict("y", "n")).branches
    assert good.tokens == [*map(ord, "A: b\ny"), 0]
    assert (good.writer_weights, good.judge_weights) == (
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.5],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    assert wrong.tokens == [*map(ord, "C: b\nn"), 0]
    assert set(wrong.writer_weights) == {0.0}
    assert wrong.judge_weights == [0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.0]
    assert refusal.tokens == [*map(ord, "NO"), 0]
    assert [branch.num_compared for branch in (good, wrong, refusal)] == [4, 4, 2]
    assert [(branch.is_good, branch.is_wrong) for branch in (good, wrong, refusal)] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_good_answers_are_compared_with_the_wrong_ones_of_their_post() -> None:
    """The numbers of branches run through the batch; a post without wrong answers gives no pair."""
    other = TokenTree([7], [answer([5, 9], 1.0), answer([6, 9], 0.0, is_wrong=True), answer([8, 9], 1.0)])
    batch = collate([TREE, other])
    assert batch.pairs.tolist() == [[2, 3], [4, 3]]
    # The end-of-turn token is not part of an alert.
    none = NOT_COMPARED
    assert batch.branches.tolist() == [0, 0, none, 1, none, 2, none, 3, none, 4, none]


def test_preference_compares_means_over_tokens() -> None:
    """A long alert is not worse for being long; equal means give log 2, and no pair gives nothing."""
    losses = torch.tensor([1.0, 1.0, 7.0, 1.0, 3.0])
    branches = torch.tensor([0, 0, NOT_COMPARED, 1, 2])
    equal = preference_loss(losses, branches, torch.tensor([[0, 1]]))
    assert float(equal) == pytest.approx(math.log(2))
    assert float(preference_loss(losses, branches, torch.tensor([[0, 2]]))) < 0.1
    assert float(preference_loss(losses, branches, torch.tensor([[2, 0]]))) > 2
    assert float(preference_loss(losses, branches, torch.zeros(0, 2, dtype=torch.long))) == 0


def test_padding_sees_itself() -> None:
    """A softmax over nothing would make the loss NaN."""
    assert bool(collate([TREE, SHORT]).mask.any(dim=-1).all())


def test_batches_hold_every_tree_and_keep_the_limit() -> None:
    """No example is lost or repeated, and no batch is larger than the planned memory."""
    trees = [TokenTree([index] * (index % 7 + 1), [answer([9], 1.0)]) for index in range(50)]
    batches = list(make_batches(trees, 24, random.Random(0)))
    assert all(batch.tokens.numel() <= 24 for batch in batches)
    assert sorted(int(row[0]) for batch in batches for row in batch.tokens) == list(range(50))


def test_small_steps_are_not_lost_to_rounding() -> None:
    """A hundred steps, each below bfloat16's resolution, still move the weight."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    masters = MasterWeights([weight], learning_rate=1e-4, clip_norm=1.0)
    for _ in range(100):
        weight.grad = torch.ones_like(weight)
        masters.step(1e-4)
    assert float(weight.detach()) < 0.995
