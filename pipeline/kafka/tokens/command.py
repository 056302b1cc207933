"""A token from a program that prints it, which runs without a shell, for a bounded time. Its stderr is dropped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Sequence
from contextlib import suppress

from pipeline.errors import SettingsError, TokenRefusedError, TokenUnavailableError
from pipeline.kafka.tokens.token import MAX_TOKEN_BYTES, Token, read_token

# The command-line programs of clouds take seconds, and longer on a busy machine.
_MAX_SECONDS = 30.0


class TokenCommand:
    """Runs a program for each token.

    Args:
        words: the program and its arguments. Only the program is ever shown: arguments may be secret.

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
            TokenRefusedError: it does not print a token.
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
            # Its standard error may hold secrets, so it is not shown.
            raise TokenUnavailableError(f"{self.name} {end}: run it by hand to see why")
        try:
            return read_token(output.decode("ascii", "replace"))
        except ValueError as error:
            raise TokenRefusedError(f"{self.name} prints no token: {error}") from None

    async def _run(self) -> tuple[bytes, int]:
        """Return what it prints, up to the size of a token, and its status."""
        # Like `asyncio.create_subprocess_exec`, which hides the transport that `_end` needs.
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=MAX_TOKEN_BYTES, loop=loop),
            *self._words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # the program can then be ended with its children
        )
        process = Process(transport, protocol, loop)
        assert process.stdout is not None
        try:
            output = await process.stdout.readexactly(MAX_TOKEN_BYTES + 2)
        except asyncio.IncompleteReadError as error:
            output = error.partial
            return output, await process.wait()
        finally:
            await _end(process, transport)
        return output, 0


async def _end(process: Process, transport: asyncio.SubprocessTransport) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # A grandchild in another session may survive and hold the pipe open. Closed here, the pipe is not waited for.
    output = transport.get_pipe_transport(1)
    if output is not None:
        output.close()
    await process.wait()
