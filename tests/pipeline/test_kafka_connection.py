import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka_admin import ensure_topics
from pipeline.local_process import find_free_port
from pipeline.publisher import Publisher
from pipeline.settings import Settings
from pipeline.topic_reader import reading


async def test_where_nobody_listens_the_error_names_the_address() -> None:
    """For every client of ours."""
    brokers = f"127.0.0.1:{find_free_port()}"
    with pytest.raises(BrokerUnavailableError, match=brokers):
        await Publisher.connect(brokers)
    with pytest.raises(BrokerUnavailableError, match=brokers):
        await ensure_topics(Settings(brokers=brokers))
    with pytest.raises(BrokerUnavailableError, match=brokers):
        async with reading(brokers, ["posts"], from_beginning=True):
            pass
