"""`make chaos`: the two agents as a deployment runs them, under faults, with every post accounted for.

A run of one scenario:

1. `rig` starts Apache Kafka on new data, the fake LLM server (`llm_server`) and the agents (`worker`), each a process.
2. `load` produces posts with ids, no faster than outcomes come, so that the agents have work whenever a fault comes.
3. The scenario (`faults`) applies its fault, as often as it says, while the posts flow.
4. When every post has an outcome and both groups have committed all, or time is up, the agents are stopped.
5. `kafka_log` reads back all of `alerts`, `alerts.abstained` and `posts.dead`.
6. `account` finds what is missing, doubled and different; `verdict` compares that with the scenario's bar.
7. `report` writes the rows, failed ones as well, to `report.json` and `report.md`.

The clients in here are not part of the pipeline, because an accountant shares no code with what it audits.
"""
