"""Training the joint network: settings, the loop, a run and its folder.

- `recipe`: every setting of a run.
- `named_recipes`: the recipes by name.
- `run_inputs`: what a run learns from, and what it refuses of it.
- `run`: one run from corpora to a checkpoint.
- `trainer`: the training loop.
- `optimisation`: optimisers and learning rates.
- `dev_scores`: scores on dev after every epoch.
- `patience`: when a score has stopped rising.
- `trainer_state`: what a killed run goes on from.
- `run_folder`: the folder of one run.
- `tensorboard_log`: losses and scores for TensorBoard.
- `progress`: what a person sees meanwhile.
"""
