"""Scores of a network on labelled texts, with intervals and beside guesses.

- `predictions`: what an annotator finds in a corpus, laid over the corpus's own tokens.
- `counts`: how often each label was right, text by text, and the scores that follow from such counts.
- `scores`: the scores that are reported.
- `bootstrap`: how far a score would move with other texts of the same kind.
- `baselines`: what trivial guesses score.
- `evaluation`: all of it for one checkpoint and one corpus.
"""
