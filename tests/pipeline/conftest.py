"""Fixtures of several files."""

from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, BrokerKind


@pytest.fixture(
    params=[pytest.param(EMBEDDED, id="embedded"), pytest.param(APACHE, id="apache", marks=pytest.mark.kafka)]
)
def broker_kind(request: pytest.FixtureRequest, tmp_path: Path) -> BrokerKind:
    """Give each kind of broker in turn, because both must behave alike; skips a broker that this machine lacks."""
    kind: BrokerKind = request.param
    try:
        kind.make(tmp_path, 9092)
    except LocalServiceError as error:
        pytest.skip(str(error))
    return kind
