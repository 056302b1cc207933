"""Fixtures of several files."""

from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, BrokerKind


@pytest.fixture(
    params=[pytest.param(EMBEDDED, id="embedded"), pytest.param(APACHE, id="apache", marks=pytest.mark.kafka)]
)
def broker_kind(request: pytest.FixtureRequest, tmp_path: Path) -> BrokerKind:
    """Each kind of broker in turn: what holds on one must hold on the other. Skips what is not on this machine."""
    kind: BrokerKind = request.param
    try:
        kind.make(tmp_path, 9092)
    except LocalServiceError as error:
        pytest.skip(str(error))
    return kind
