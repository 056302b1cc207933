"""From posts to alerts. The life of a post, step by step:

1. A user produces JSON to `posts` (`messages.Post`).
2. `stream.Stream` takes raw records in batches, by size or by time, and hands them to
   `annotate_agent.AnnotateAgent`, which decodes them (`codec`); what is no post becomes a `dead_letter`, and what has
   no value at all is skipped (`tombstones`).
3. The agent annotates the batch with the network (`models.Annotator`), off the event loop.
4. An `AnnotatedPost` for each goes to `posts.annotated` under the post's id; once the broker has acknowledged the
   batch, its `offsets` may be committed. Headers of traces travel on, here and below (`carried_headers`).
5. A second stream feeds `alert_agent.AlertAgent`, which works on many posts at once. It skips those that the `ledger`
   knows to have their alert, or an abstention on the same text. For each other, `alert_generator.AlertGenerator` asks
   the LLM (`llm`) for n samples with the first prompt (`prompts`), drops what `filters` reject, merges duplicates
   (`candidates`), and lets the LLM select with the second (`selection`).
6. An `Alert` goes to `alerts`, or an `Abstention` with its reason to `alerts.abstained`. Their id comes from the
   post's, so a redelivered post yields the same id.
7. What ended as a dead letter can be looked at and tried again (`dead_letters`).

`program` puts one agent together from its `parts` and runs it as a process, `local_stack` runs everything on one
machine, `cli` is the way in for people.
"""
