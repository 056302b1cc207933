"""Ways to write alerts, compared on posts whose acceptable alerts are known: `python -m training evaluate-alerts`.

- `gold_posts`: posts with every alert that is acceptable, and what a row is given of each post.
- `rows`: what is compared, and what a row did with a post.
- `evaluation`: runs the rows over the posts.
- `our_way`: the pipeline's own generator, run as the program `tocsin try`.
- `paper_way`: the paper's way, as a baseline.
- `server`: the embedded LLM server that both ways ask.
- `matching`: whether a theme or an entity is an acceptable one.
- `listed_alerts`: the alerts that a file lists as right or as wrong.
- `scores/`: the scores of one row.
- `calibration`: from the judge's raw probabilities to a confidence, on the outcomes of a run.
- `report/`: the report as JSON, Markdown and a diagram.
"""
