"""The installed program, run as a user does; its output is read as it comes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

TOCSIN = Path(sys.executable).with_name("tocsin")


@asynccontextmanager
async def tocsin(
    *arguments: str, folder: Path, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program in a folder with its own place for temporary files, and check that it leaves none there."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    process = await asyncio.create_subprocess_exec(
        TOCSIN,
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=inherited | {"NO_COLOR": "1", "TMPDIR": str(temporary)} | variables,
    )
    try:
        async with asyncio.timeout(180):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert list(temporary.glob("tocsin-*")) == []


async def read_until(words: str, stream: asyncio.StreamReader | None) -> list[str]:
    """Return the lines up to the first that holds the words, that one included."""
    lines: list[str] = []
    assert stream is not None
    while not lines or words not in lines[-1]:
        lines.append((await stream.readline()).decode())
        assert lines[-1], f"ended before it said {words!r}: {lines}"
    return lines
