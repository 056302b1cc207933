"""What a server answered: read from its wire form, and understood as a sample, a choice or a verdict.

The room hands on what other rooms need of it.

- `wire`: the bodies of answers in the forms in which servers write them, to `Answer`.
- `meaning`: a sample or a choice, from an `Answer`; the thinking of a reasoning model is taken away.
- `verdicts`: how probable "yes" is against "no", read from the token that says one of them.
"""

from pipeline.llm.answers.meaning import (
    Choice,
    Sample,
    after_thinking,
    chosen_index,
    is_thinking_alone,
    option_probabilities,
    to_choice,
    to_sample,
)
from pipeline.llm.answers.verdicts import truth_of
from pipeline.llm.answers.wire import Answer, Completion, Token, read_completion

__all__ = [
    "Answer",
    "Choice",
    "Completion",
    "Sample",
    "Token",
    "after_thinking",
    "chosen_index",
    "is_thinking_alone",
    "option_probabilities",
    "read_completion",
    "to_choice",
    "to_sample",
    "truth_of",
]
