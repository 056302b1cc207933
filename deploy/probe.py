"""Ask this container's own `/livez`, or the path given, and exit with 0 if all is well; for HEALTHCHECK."""

import http.client
import os
import sys

_TIMEOUT_SECONDS = 4.0
# A program that listens on one of these is asked on the loopback address: one on "::" hears IPv4 too.
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - nothing is bound here


def main() -> None:
    """Print the probe's answer, which `docker inspect` shows, and exit."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/livez"
    # http.client, because urllib would ask a proxy if the container is given one.
    host, port = os.environ.get("TOCSIN_METRICS_HOST", ""), int(os.environ["TOCSIN_METRICS_PORT"])
    connection = http.client.HTTPConnection(
        "127.0.0.1" if host in _EVERYWHERE else host, port, timeout=_TIMEOUT_SECONDS
    )
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        print(response.read().decode().strip())
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"no answer: {error}")
    sys.exit(0 if response.status == http.HTTPStatus.OK else 1)


if __name__ == "__main__":
    main()
