"""Lines of a byte stream that arrives in pieces, within a bound of memory."""

from __future__ import annotations

# Lines end as those of server-sent events do: https://html.spec.whatwg.org/multipage/server-sent-events.html. A raw
# carriage return never stands in JSON, so lines of JSON may be split in the same way.
_ENDS = (b"\n", b"\r")


class LineSplitter:
    """Splits pieces of a stream at CR, LF and CR LF.

    What follows the last line end is kept for the next piece. So a half line at the end of a connection is never given:
    the network sends its post again, or the cursor asks for it.

    Args:
        max_bytes: a longer line is given as None, and its bytes are not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pending: list[bytes] = []
        self._num_pending = 0
        self._ended_with_cr = False
        self._is_start = True

    def feed(self, piece: bytes) -> list[bytes | None]:
        """Return the lines that this piece ends, without their ends."""
        if self._ended_with_cr and piece.startswith(b"\n"):
            piece = piece[1:]
            self._ended_with_cr = False
        if not piece:
            return []
        self._ended_with_cr = piece.endswith(b"\r")
        lines = piece.splitlines()
        rest = b"" if piece.endswith(_ENDS) else lines.pop()
        whole = self._finish(lines) if lines else []
        self._keep(rest)
        return whole

    def _finish(self, lines: list[bytes]) -> list[bytes | None]:
        """Return these lines; the first one ends what was pending."""
        self._keep(lines[0])
        first = b"".join(self._pending) if self._num_pending <= self._max_bytes else None
        self._pending, self._num_pending = [], 0
        if self._is_start:
            self._is_start = False
            first = first and first.removeprefix(b"\xef\xbb\xbf")
        return [first, *(line if len(line) <= self._max_bytes else None for line in lines[1:])]

    def _keep(self, part: bytes) -> None:
        self._num_pending += len(part)
        if self._num_pending > self._max_bytes:
            self._pending = []
        elif part:
            self._pending.append(part)
