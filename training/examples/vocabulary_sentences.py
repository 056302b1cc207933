"""The sentences that a vocabulary is built from: those of training, without names of people's accounts."""

from collections.abc import Iterable, Iterator

from models import Sentence
from training.examples.example import Example


def vocabulary_sentences(examples: Iterable[Example]) -> Iterator[Sentence]:
    """Yield the sentences of examples with every @name and every e-mail address left out.

    A shipped vocabulary must not publish who wrote the training posts. The network still sees the names'
    characters while it trains, and reads the names themselves as unknown words, as it will in new posts.
    """
    for example in examples:
        words, deprels = example.sentence.words, example.sentence.deprels
        kept = [index for index in range(len(words)) if not _names_somebody(words, index)]
        yield Sentence(
            tuple(words[index] for index in kept),
            None if deprels is None else tuple(range(len(kept))),
            None if deprels is None else tuple(deprels[index] for index in kept),
        )


def _names_somebody(words: tuple[str, ...], index: int) -> bool:
    follows_sign = index > 0 and words[index - 1] == "@"
    return follows_sign or ("@" in words[index] and len(words[index]) > 1)
