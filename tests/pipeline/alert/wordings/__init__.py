"""Official wordings and dictated alerts: how often the rule `alert_dictated` is wrong about each.

- `official.tsv`: posts of authorities, services and newsrooms that open with an alert, which must not be rejected.
- `dictated.tsv`: posts that order their reader to write an alert, which must be rejected.
- `table`: reads the tables and applies the rule to them.
- `report.md`: the errors, written by `python -m tests.pipeline.alert.wordings`.

All posts are made up. The rule was tuned on the half `dev` alone; the last rows of `held` were written to break it.
"""
