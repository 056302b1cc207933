import asyncio
import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from pipeline.alert.metrics import AlertMetrics
from pipeline.errors import SettingsError
from pipeline.monitor.health import Health, HealthServer


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    metrics = AlertMetrics()
    metrics.abstentions.labels("no_entity").inc(3)
    server = HealthServer(health, metrics.registry, host="127.0.0.1", port=0)
    yield server
    server.close()


def _get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_readiness_is_told_as_json(server: HealthServer, health: Health) -> None:
    """The state and its reason, with a status that orchestrators understand."""
    status, text = _get(server, "/readyz")
    assert (status, json.loads(text)) == (
        503,
        {"ready": False, "state": "connecting", "reason": "looking for the broker"},
    )
    health.readiness.joined()
    status, text = _get(server, "/readyz")
    assert (status, json.loads(text)) == (200, {"ready": True, "state": "joined", "reason": ""})


async def test_a_stuck_event_loop_fails_the_liveness_probe(
    server: HealthServer, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe is answered from a thread, so it can tell that the loop does not turn."""
    monkeypatch.setattr("pipeline.monitor.health._MAX_BEAT_AGE_SECONDS", 0.2)
    beat = asyncio.create_task(health.beat())
    await asyncio.sleep(0)
    assert (await asyncio.to_thread(_get, server, "/livez"))[0] == 200
    time.sleep(0.3)  # noqa: ASYNC251 - blocks the loop on purpose
    status, text = _get(server, "/livez")
    assert (status, text.split(" for ")[0]) == (503, "event loop stuck")
    beat.cancel()


def test_metrics_are_served_in_the_text_format(server: HealthServer) -> None:
    """A scrape shows the counters under their names."""
    status, text = _get(server, "/metrics")
    assert status == 200
    assert 'tocsin_abstentions_total{reason="no_entity"} 3.0' in text
    assert _get(server, "/elsewhere")[0] == 404


@pytest.mark.parametrize(
    ("host", "asked", "shown"),
    [
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("0.0.0.0", ["127.0.0.1"], "0.0.0.0"),
        ("", ["127.0.0.1"], "0.0.0.0"),
        ("::", ["::1", "127.0.0.1"], "[::]"),
        ("::1", ["::1"], "[::1]"),
        ("localhost", ["localhost"], "localhost"),
        (socket.gethostname(), [socket.gethostname()], socket.gethostname()),
    ],
)
def test_the_address_family_follows_the_address(
    health: Health, host: str, asked: list[str], shown: str
) -> None:
    """IPv4, IPv6 and names can be bound, are answered where a client asks for them, and shown as an address."""
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = HealthServer(health, AlertMetrics().registry, host=host, port=0)
    try:
        for name in asked:
            connection = http.client.HTTPConnection(name, server.port, timeout=5)
            connection.request("GET", "/livez")
            assert connection.getresponse().read() == b"ok\n"
            connection.close()
        assert server.url == f"http://{shown}:{server.port}"
    finally:
        server.close()


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_an_address_that_is_none_of_ours_is_a_settings_error(health: Health) -> None:
    """The message has the setting, its value and what is wrong with it."""
    for host, problem in (("192.0.2.1", "Cannot assign"), ("nowhere.invalid", "not known|resolution")):
        with pytest.raises(SettingsError, match=rf"metrics_host='{host}', metrics_port=0: .*({problem})"):
            HealthServer(health, AlertMetrics().registry, host=host, port=0)


def test_a_port_in_use_is_a_settings_error(server: HealthServer, health: Health) -> None:
    """The message names the setting."""
    with pytest.raises(SettingsError, match=f"metrics_port={server.port}: Address already in use"):
        HealthServer(health, AlertMetrics().registry, host="127.0.0.1", port=server.port)
