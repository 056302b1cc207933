"""Lets the tests find the jars of Apache Kafka in a folder beside the checkout, which shipped code knows nothing of."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.settings import KAFKA_LIBS

_CHECKOUT = Path(__file__).parents[1]
_SHARED = _CHECKOUT.parent / "shared" / "kafka" / "libs"


def name_shared_jars() -> None:
    """Set TOCSIN_KAFKA_LIBS to `../shared/kafka/libs`, unless it is set or `make kafka` has fetched jars."""
    is_needed = KAFKA_LIBS not in os.environ and not (_CHECKOUT / ".cache" / "kafka" / "libs").is_dir()
    if is_needed and _SHARED.is_dir():
        os.environ[KAFKA_LIBS] = str(_SHARED)
