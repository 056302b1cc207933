"""Reading topics outside a consumer group.

- `consumer`: a consumer of aiokafka, connected and disconnected
- `partition_reader`: given partitions, up to their present end
- `partition_ends`: where a partition ends, and how near to it a consumer is
- `follow`: whole topics, without end, over outages of the broker
- `resume`: one topic from given offsets on, until the connection fails
- `positions`: what was read of each partition; a topic that was made anew
- `silence`: a broker that does not answer
- `unreadable`: batches and header names at which aiokafka would stop
"""
