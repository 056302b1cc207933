"""Reading topics outside a consumer group.

consumer.py           a consumer of aiokafka, connected and disconnected
partition_reader.py   given partitions, up to their present end
partition_ends.py     where a partition ends, and how near to it a consumer is
follow.py             whole topics, without end, over outages of the broker
positions.py          what was read of each partition; a topic that was made anew
silence.py            a broker that does not answer
unreadable.py         batches and header names at which aiokafka would stop
"""
