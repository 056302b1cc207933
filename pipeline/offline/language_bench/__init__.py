"""Compares language detectors on posts: `python -m pipeline.offline.language_bench --data FOLDER`.

`FOLDER` holds the corpora of tweets; they are not part of this repository. docs/languages.md has the table.

- `detectors`: the detectors that are compared, behind one form.
- `posts`: what they are tried on.
- `labels.tsv`: the languages of 388 tweets of CrisisLexT26, by their ids, as read by us: `dev` for tuning, or `held`.
- `sentences.tsv`: sentences of our own in 30 languages, about what alerts are about.
"""
