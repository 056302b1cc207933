"""The paper's comparison of variants, repeated over seeds: `python -m training ablation`.

`python -m training seeds` trains one configuration with several seeds by the first five files.

- `rows`: what is compared: the variants, and options of one of them.
- `runner`: trains a row with a seed, scores the best epoch on dev, and scores the test splits once.
- `results`: what is kept of a run, and the means and spreads of each row's runs.
- `data`: what the runs learn from, counted, and the part of the report about it.
- `session`: runs all rows and seeds; results that are there are kept.
- `speed`: posts a second of all rows, measured side by side.
- `comparison`: which differences are more than chance, and which row is the simplest that is good enough.
- `findings`: what the runs show, in sentences.
- `figures`: the report's figures.
- `paper`: the paper's own figures.
- `report`: all of it as Markdown.
"""
