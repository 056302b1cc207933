"""The metrics of each role, found by its name as a recipe of docs/architecture.md asks: NAMEMetrics in its room."""

from __future__ import annotations

from importlib import import_module

from pipeline.monitor.metrics import Metrics
from pipeline.topology import ROLES, Role


def make_metrics(role: Role) -> Metrics:
    """Return new metrics of this role, as its process makes them."""
    module = import_module(f"pipeline.{role.name}.metrics")
    metrics = getattr(module, f"{role.name.capitalize()}Metrics")()
    assert isinstance(metrics, Metrics)
    return metrics


def make_all_metrics() -> dict[str, Metrics]:
    """Return new metrics of every role, by its name."""
    return {role.name: make_metrics(role) for role in ROLES}
