"""The program `python -m training`, a file a command.

- `main`: the program, with `prepare` and `train`.
- `options`: options and default folders that several commands share.
- `label_sentiment`: a corpus with a sentiment for every sentence.
- `evaluate`: scores of a checkpoint, with intervals and baselines.
- `seeds`: one configuration with several seeds.
- `ablation`: all variants with several seeds, and the report.
- `bench`: how long an epoch takes.
- `calibrate`: the confidence of a judge, from the outcomes of a run.
- `judge`: how well a writer's adapter tells right alerts from wrong ones.
- `writer`: fine-tuning the alert writer.
- `evaluate_alerts`: ways to write alerts, compared.
"""
