"""The report about the rows, for machines and for people.

- `page`: `alerts.json` and `alerts.md`.
- `reliability`: the tables and the diagram about confidence.
- `markdown`: tables.
"""
