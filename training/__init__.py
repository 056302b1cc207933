"""Training: corpora in; checkpoints, alert writers and reports out. `python -m training` is the program.

What happens in `python -m training train`, in order:

1. `network.recipe` says what to train on and how. `corpora.named` knows the files and each corpus's habits.
2. `corpora.corpus` reads a file of any of four formats into `LabelledText`: a text, entities at character offsets, a
   sentiment.
3. `corpora.retokenise` cuts the text as the pipeline would, `models` parses it, and `examples.store` keeps the result.
4. `network.run` builds the network with a vocabulary and GloVe vectors (`examples.vocabulary`, `examples.glove`).
5. `network.trainer` runs over the batches of `examples.batching` with the optimisers of `network.optimisation`, and
   scores dev after every epoch.
6. `network.run_folder` keeps each epoch's metrics, the best checkpoint, and the state from which a killed run goes on.
7. `scoring.evaluation` scores a checkpoint on corpora through the annotator that the pipeline uses, with intervals and
   beside guesses.

The rooms; a room imports only from rooms below it, and rooms on one line do not know each other:

    cli                             the program, a file a command
    ablation                        variants compared over seeds, and the report
    alert_eval | writer | network   ways to write alerts compared | fine-tuning the alert writer | the joint network
    scoring | examples              scores of predictions | parsed sentences, their cache, batches and vocabulary
    corpora                         files of labelled text, read into one form
    console | errors                the console and its bars | everything that is raised on purpose

`results/` holds no code: the scores that the documents quote.
"""
