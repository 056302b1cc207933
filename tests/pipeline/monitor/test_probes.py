import http.client
import json
from collections.abc import Iterator

import pytest

from pipeline.monitor.health import Health, HealthServer
from pipeline.monitor.metrics import Metrics


@pytest.fixture(scope="module")
def server() -> Iterator[HealthServer]:
    health = Health()
    health.stalled("stuck at 1 – 2")
    server = HealthServer(health, Metrics("annotate").registry, host="127.0.0.1", port=0)
    yield server
    server.close()


def _ask(server: HealthServer, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    # Past what the client itself takes for the end: for HEAD it would not look at a body.
    body = response.read() + (response.fp.read() if response.fp else b"")
    connection.close()
    return response.status, dict(response.getheaders()), body


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/elsewhere"])
def test_head_is_get_without_the_body(server: HealthServer, path: str) -> None:
    """Status, type and length are those of GET, and nothing comes after them."""
    status, headers, body = _ask(server, "GET", path)
    head_status, head_headers, head_body = _ask(server, "HEAD", path)
    assert (head_status, head_headers["Content-Type"]) == (status, headers["Content-Type"])
    assert body
    assert head_body == b""
    length = int(head_headers["Content-Length"])
    # The metrics tell of the process itself, whose figures change between the two.
    assert abs(length - len(body)) <= 100 if path == "/metrics" else length == len(body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/elsewhere"])
def test_other_methods_are_refused_with_those_that_are_not(
    server: HealthServer, method: str, path: str
) -> None:
    """405, and `Allow` names GET and HEAD."""
    status, headers, _ = _ask(server, method, path)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_what_is_wrong_is_told_in_utf_8(server: HealthServer) -> None:
    """A reader of `/livez` knows how to read it."""
    status, headers, body = _ask(server, "GET", "/livez")
    assert (status, headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert body.decode() == "stuck at 1 – 2\n"
    assert json.loads(_ask(server, "GET", "/readyz")[2])["ready"] is False
