"""Feeding an agent: from a topic to the agent's work, from its outcomes to the commit, and the process around both.

A record takes three hops from the consumer to the work: `Stream` hands a batch to `Agent.process`, which takes it by
the `Intake`, does the agent's own work, and publishes by the `Outbox`. Only then is the record finished and its offset
committed.

- `agent`: the contract between a stream and its agent.
- `intake`: what comes to an agent: counted, tombstones finished, the others handed on, whole or in parts.
- `outbox`: what leaves an agent: a message for each record or part, or the record itself as a dead letter.
- `stream`: batches from the topic, commits behind finished records, lag.
- `offsets`: which offset may be committed.
- `group_watch`: what the consumer group and the topic are about, shown at `/readyz`.
- `group_refusal`: why a group refuses an agent, in words.
- `topic_keeper`: makes topics again that are gone.
- `process`: the process around an agent, the same for every role.
- `faust_app`: the Faust app, with the settings that the promises of delivery need.
- `faust_consumer`: the one file that touches private parts of Faust.
- `group_client`: the one file that touches private parts of aiokafka's consumer.
"""
