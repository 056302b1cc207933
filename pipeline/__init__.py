"""From posts to alerts. The life of a post, step by step, with the room of each step:

1. A user sends JSON to the topic `posts`, with `tocsin produce` (`sources`) or any Kafka client, or `tocsin source`
   takes posts from a live network. `messages.Post` is our form, `formats` reads the usual others, `topology` names the
   topics and the agents.
2. `stream` joins the consumer group, takes records in batches, by number or by time, and hands them to the annotate
   agent (`annotate`). Its intake decodes them. A record that is not a post becomes a dead letter, and a record without
   a value is skipped.
3. The agent annotates the batch with the network (`models`), off the event loop.
4. The outbox of `stream` publishes an `AnnotatedPost` for each post to `posts.annotated`, under the post's id. Once the
   broker has acknowledged the batch, its offsets may be committed. Headers of traces travel on, here and below.
5. A second stream feeds the alert agent (`alert`), which works on many posts at once. It skips posts that the ledger
   (`outcomes`) knows to have an alert, or an abstention on the same text. For each other post it asks the LLM (`llm`)
   for n samples, drops those that break a rule, merges duplicates, and lets the LLM select.
6. An `Alert` goes to `alerts`, or an `Abstention` with its reason to `alerts.abstained`. Its id is derived from the id
   of the post, so a redelivered post yields the same id.
7. A record that could not be processed is a dead letter on `posts.dead`. `tocsin dead` shows it and replays it
   (`outcomes`).

Beside the way of a post: `kafka` connects to the broker, `monitor` shows and watches a process, `settings` holds what a
deployment can set, `local` runs everything on one machine, `offline` turns posts into alerts without Kafka, and `cli`
is the program `tocsin`.

The rooms stand on each other. Imports run down this list and never up, and rooms on one line do not know each other;
import-linter checks both:

    cli
    offline
    sources | annotate | alert | local
    stream
    outcomes | llm | monitor
    kafka
    topology
    formats
    messages
    settings
    errors | outage | printable | stopping

Rules of the rooms:

- A stage is a room with the name of its command. Its `agent` says what it does with records, its `role` how it becomes
  a running process. A third stage is a third room beside `annotate` and `alert`, and a row in `topology`.
- The docstring of a room says what the room is for, then a line a file. The rest of its `__init__` is empty, but
  `messages` and `settings` hand their names on, and `offline` holds the path of the sample posts.
- Imports are absolute. Heavy libraries stay where they are needed: Faust in `stream`, the network in `annotate`, the
  OpenAI client in `llm`. `cli.main` imports each command inside its function.
- A folder has at most twelve entries, a file at most 250 lines. No file is called utils, common, base or helpers.
"""
