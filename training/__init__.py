"""Training of the joint network: corpora in, checkpoints out, and the scores that say what they are worth.

What happens in `python -m training train`, in order:

1. `recipe` says what to train on and how; `corpora` knows the files and each corpus's habits.
2. `read_corpus` reads a file in one of four formats (`column_corpus`, `token_corpus`, `sentiment_corpus`,
   `alert_corpus`) into `LabelledText`: a text, entities at character offsets, a sentiment.
3. `retokenise` cuts the text as the pipeline would, `models` parses it, `feature_store` keeps the result.
4. `training_run` builds the vocabulary and the network, puts GloVe vectors in (`glove`, `initial_vectors`).
5. `trainer` runs over `batching`'s batches with `optimisation`'s optimisers and scores dev (`dev_scores`).
6. After each epoch `run_folder` keeps its metrics, the best checkpoint, and the `trainer_state` to go on from.
7. `evaluation` scores a checkpoint on corpora through the annotator that the pipeline uses (`predictions`), with
   intervals (`bootstrap`) and beside guesses (`baselines`).

`ablation` does this for every variant and several seeds.
"""
