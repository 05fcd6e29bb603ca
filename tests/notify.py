"""`notifier notify`, as an operator or a program runs it."""

from __future__ import annotations

import asyncio

from tests.processes import NOTIFIER, Server


async def notify(server: Server, *arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    """Its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        NOTIFIER,
        "notify",
        *arguments,
        env=server.environment,
        cwd=server.folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, output.decode()
