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
from pipeline.monitor.health import Health
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.probes import ProbeServer


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[ProbeServer]:
    metrics = AlertMetrics()
    metrics.abstentions.labels("no_entity").inc(3)
    server = ProbeServer(health, metrics.registry, host="127.0.0.1", port=0)
    yield server
    server.close()


def _get(server: ProbeServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_readiness_is_served_as_json(server: ProbeServer, health: Health) -> None:
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
    server: ProbeServer, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe is answered from a thread, so it notices that the loop does not turn."""
    monkeypatch.setattr("pipeline.monitor.health._MAX_BEAT_AGE_SECONDS", 0.2)
    beat = asyncio.create_task(health.beat())
    await asyncio.sleep(0)
    assert (await asyncio.to_thread(_get, server, "/livez"))[0] == 200
    time.sleep(0.3)  # noqa: ASYNC251 - blocks the loop on purpose
    status, text = _get(server, "/livez")
    assert (status, text.split(" for ")[0]) == (503, "event loop stuck")
    beat.cancel()


def test_metrics_are_served_in_the_text_format(server: ProbeServer) -> None:
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
    server = ProbeServer(health, AlertMetrics().registry, host=host, port=0)
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


def test_an_address_of_another_machine_is_a_settings_error(health: Health) -> None:
    """The message has the setting, its value and what is wrong with it."""
    for host, problem in (("192.0.2.1", "Cannot assign"), ("nowhere.invalid", "not known|resolution")):
        with pytest.raises(
            SettingsError, match=rf"TOCSIN_METRICS_HOST='{host}', TOCSIN_METRICS_PORT=0: .*({problem})"
        ):
            ProbeServer(health, AlertMetrics().registry, host=host, port=0)


def test_a_port_in_use_is_a_settings_error(server: ProbeServer, health: Health) -> None:
    """The message names the setting."""
    with pytest.raises(SettingsError, match=f"TOCSIN_METRICS_PORT={server.port}: Address already in use"):
        ProbeServer(health, AlertMetrics().registry, host="127.0.0.1", port=server.port)


@pytest.fixture(scope="module")
def stalled_server() -> Iterator[ProbeServer]:
    health = Health()
    health.note_stall("stuck at 1 – 2")
    server = ProbeServer(health, Metrics("annotate").registry, host="127.0.0.1", port=0)
    yield server
    server.close()


def _ask(server: ProbeServer, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    # Reads past the end that the client assumes: after HEAD it would not look at a body.
    body = response.read() + (response.fp.read() if response.fp else b"")
    connection.close()
    return response.status, dict(response.getheaders()), body


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/elsewhere"])
def test_head_is_get_without_the_body(stalled_server: ProbeServer, path: str) -> None:
    """Status, type and length are those of GET, and nothing comes after them."""
    status, headers, body = _ask(stalled_server, "GET", path)
    head_status, head_headers, head_body = _ask(stalled_server, "HEAD", path)
    assert (head_status, head_headers["Content-Type"]) == (status, headers["Content-Type"])
    assert body
    assert head_body == b""
    length = int(head_headers["Content-Length"])
    # Metrics of the process itself may change between the two requests.
    assert abs(length - len(body)) <= 100 if path == "/metrics" else length == len(body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/elsewhere"])
def test_other_methods_are_refused_and_the_allowed_ones_named(
    stalled_server: ProbeServer, method: str, path: str
) -> None:
    """The status is 405, and `Allow` names GET and HEAD."""
    status, headers, _ = _ask(stalled_server, method, path)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_the_reason_of_a_failed_probe_is_served_in_utf_8(stalled_server: ProbeServer) -> None:
    """The header of `/livez` names the encoding."""
    status, headers, body = _ask(stalled_server, "GET", "/livez")
    assert (status, headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert body.decode() == "stuck at 1 – 2\n"
    assert json.loads(_ask(stalled_server, "GET", "/readyz")[2])["ready"] is False
