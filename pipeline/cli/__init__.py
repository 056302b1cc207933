"""The program `tocsin`, a file a command.

- `__main__`: the entry point: signals first, then the rest.
- `main`: the commands with their options, and how errors are shown.
- `options`: options that several commands share, and the settings behind them.
- `agent`: `tocsin annotate` and `tocsin alert`, one agent until it is stopped.
- `up`: `tocsin up`, the local stack until Ctrl-C.
- `demo`: `tocsin demo`, a file of posts through the whole pipeline.
- `produce`: `tocsin produce`, posts from a file to Kafka; `run_source` publishes the posts of any source.
- `source`: `tocsin source`, one live source until it is stopped.
- `watch`: `tocsin watch`, alerts as they come.
- `try_post`: `tocsin try`, one post or a file of posts without Kafka.
- `dead`: `tocsin dead`, which lists, shows and replays dead letters.
- `views`: what the demo and `tocsin dead` show, as text or JSON.
"""
