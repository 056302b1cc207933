"""A token from a program that prints it: run without a shell, for a bounded time, its standard error thrown away."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress

from pipeline.errors import SettingsError, TokenRefusedError, TokenUnavailableError
from pipeline.kafka.tokens.token import MAX_TOKEN_BYTES, Token, read_token

# Command lines of clouds take seconds, and some more on a machine that is busy.
_MAX_SECONDS = 30.0


class TokenCommand:
    """Runs a program for each token.

    Args:
        words: the program and its arguments; only the program is shown, for arguments may be secret.

    Raises:
        SettingsError: there is no such program.
    """

    is_kept = True

    def __init__(self, words: Sequence[str], *, max_seconds: float = _MAX_SECONDS) -> None:
        self.name = f"TOCSIN_KAFKA_TOKEN_COMMAND={words[0]!r}"
        self._words = words
        self._max_seconds = max_seconds
        if shutil.which(words[0]) is None:
            raise SettingsError([f"{self.name}: there is no such program, or it may not be run"])

    async def fetch(self) -> Token:
        """Return the token that the program prints.

        Raises:
            TokenUnavailableError: it fails, or takes too long.
            TokenRefusedError: it prints something else.
        """
        try:
            async with asyncio.timeout(self._max_seconds):
                output, status = await self._run()
        except TimeoutError:
            raise TokenUnavailableError(
                f"{self.name} gives no token within {self._max_seconds:g} s"
            ) from None
        except OSError as error:
            raise TokenUnavailableError(f"{self.name} cannot be run: {error.strerror}") from error
        if status != 0:
            end = f"ends with status {status}" if status > 0 else f"is ended by signal {-status}"
            # What it says on standard error may hold secrets, so it is not shown.
            raise TokenUnavailableError(f"{self.name} {end}: run it by hand to see why")
        try:
            return read_token(output.decode("ascii", "replace"))
        except ValueError as error:
            raise TokenRefusedError(f"{self.name} prints no token: {error}") from None

    async def _run(self) -> tuple[bytes, int]:
        """Return what it prints, as far as that could be a token, and its status."""
        process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that it can be ended with its children
        )
        assert process.stdout is not None
        try:
            output = await process.stdout.readexactly(MAX_TOKEN_BYTES + 2)
        except asyncio.IncompleteReadError as error:
            output = error.partial
            return output, await process.wait()
        finally:
            await _end(process)
        return output, 0


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # A grandchild that got away may hold the pipe open: then nobody waits for its end.
    output = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    if output is not None:
        output.close()
    await process.wait()
