from importlib import metadata

from prometheus_client import generate_latest

from pipeline.metrics import Metrics


def test_a_process_tells_its_version_and_role() -> None:
    """Whoever looks at the metrics sees which release does which work."""
    metrics = Metrics()
    metrics.build.info({"role": "alert"})
    version = metadata.version("tocsin")
    line = f'tocsin_build_info{{role="alert",version="{version}"}} 1.0'
    assert line in generate_latest(metrics.registry).decode().splitlines()
