"""How well an adapter's judge tells right alerts from wrong ones, on posts that it has not seen.

The judge is asked as when it serves: by the verdict after an alert, under the writer's prompt. Nothing is sampled. The
alerts are those that annotators listed or judged, and the prompts list the annotators' entities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from models.prompts.prompt import load_prompt
from training.writer.answers import WriterAnswer, listed_text
from training.writer.batches import collate, tokenize_example
from training.writer.examples import PROMPT, WriterExample, in_text_order, writer_messages
from training.writer.posts import AlertPost
from training.writer.trainer import answer_logits


@dataclass(frozen=True, slots=True)
class JudgedExample:
    """An alert, the annotators' verdict, and the judge's log odds that it is true."""

    post_id: str
    alert: str
    is_true: bool
    logit: float


def judge_posts(model: Any, tokenizer: Any, posts: Iterable[AlertPost]) -> Iterator[JudgedExample]:
    """Yield every alert of the posts that is known to be right or wrong, with the judge's log odds.

    Args:
        model: a causal language model of transformers, with the adapter in it.
    """
    verdict = load_prompt(PROMPT).verdict
    assert verdict is not None  # the writer's prompt asks for one
    [yes] = tokenizer.encode(verdict.is_true, add_special_tokens=False)
    [no] = tokenizer.encode(verdict.is_false, add_special_tokens=False)
    for post in posts:
        example = _example(post)
        if not example.answers:
            continue
        batch = collate([tokenize_example(tokenizer, example, verdict)])
        with torch.inference_mode():
            logits = answer_logits(model, batch)[batch.judge_weights > 0]
        odds = (logits[:, yes] - logits[:, no]).tolist()
        for answer, logit in zip(example.answers, odds, strict=True):
            yield JudgedExample(post.id, answer.text, bool(answer.is_true), logit)


def _example(post: AlertPost) -> WriterExample:
    entities = in_text_order(post.entities, post.text)
    known = [(pair, True) for pair in post.alerts]
    known += [(judged.pair, judged.is_true) for judged in post.judged]
    answers: dict[str, WriterAnswer] = {}
    for pair, is_true in known:
        if text := listed_text(pair, entities):
            answers.setdefault(text, WriterAnswer(text, 0.0, is_true, verdict_weight=1.0))
    return WriterExample(writer_messages(post.text, entities, post.sentiment), tuple(answers.values()))


def ranking(judged: Sequence[JudgedExample]) -> float | None:
    """Return the probability that a right alert gets higher odds than a wrong one (the area under the ROC curve)."""
    right = [example.logit for example in judged if example.is_true]
    wrong = [example.logit for example in judged if not example.is_true]
    if not (right and wrong):
        return None
    wins = sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    return wins / (len(right) * len(wrong))
