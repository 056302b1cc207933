"""The prompts, and how a post is shown in them: shared, so that a writer is asked as it was trained.

- `plain_text`: post text as plain data that can neither hide anything in a prompt nor act as markup.
- `passages`: the opening of a long post, and what stands around its entities.
- `prompt`: reading a prompt file, and rendering it as a chat about one post.
- `candidate-v1.toml`: asks any LLM for one candidate alert, with examples.
- `writer-v1.toml`: asks our fine-tuned alert writer for one candidate alert.
- `selection-v2.toml`: asks an LLM for the best of several candidates, or none.
"""
