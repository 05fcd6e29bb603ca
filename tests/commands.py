"""Commands beside a server that runs, with its settings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.processes import NOTIFIER, Server

COMMAND_CEILING_SECONDS = 90.0


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    output: str


async def notifier(server: Server, *arguments: str) -> Ran:
    """`notifier ARGUMENTS`, as an operator would run it on the server's machine."""
    process = await asyncio.create_subprocess_exec(
        NOTIFIER,
        *arguments,
        cwd=server.folder,
        env=server.environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(COMMAND_CEILING_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Ran(process.returncode, output.decode())
