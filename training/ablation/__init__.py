"""The paper's comparison of variants, repeated over seeds: `python -m training ablation`.

1. `rows` names what is compared: the variants, and options of one of them.
2. `runner` trains a row with a seed, scores the best epoch on dev and once on test, and leaves a `run_result`.
3. `session` does so for all rows and seeds, keeping what is there; `speed` measures all rows side by side,
   `data_statistics` counts what they learnt from.
4. `summary` condenses the runs, `comparison` says which differences are more than chance, `choice` which row is
   the simplest that is good enough.
5. `report` writes all of it as Markdown, with `figures`, beside the paper's own figures (`paper`).

`python -m training seeds` uses the first three steps for one configuration, and gives means of its scores.
"""
