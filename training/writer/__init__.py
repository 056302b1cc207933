"""Fine-tuning the alert writer: a small LLM learns to write alerts, by a LoRA adapter.

- `posts`: posts with good and wrong alerts, the lines of `alert_train` and `alert_hard`; verdicts on sampled alerts.
- `answers`: the answers to a prompt that the writer and its judge learn from.
- `injections`: instructions of strangers, put into some posts.
- `examples`: from a post to a prompt and the answers to it.
- `batches`: prompts and answers as tensors.
- `base_model`: the model that the adapter is put into.
- `trainer`: the training loop.
- `judging`: how well the judge tells right alerts from wrong ones.
- `gguf`: the adapter in llama.cpp's form.
- `run`: one run, and the folder that it leaves behind.
"""
