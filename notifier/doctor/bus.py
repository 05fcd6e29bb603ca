"""The doctor at Redis: every server of whichever kind, with connections of its own."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from notifier.doctor.finding import Finding, clock, good, note, wrong
from notifier.redis_addresses import closed
from notifier.redis_bus import servers_at
from notifier.redis_servers import Node, RedisServers
from notifier.settings import Settings

VERSION_MIN = (7, 0)
# What Redis itself grants a subscriber that lags (32 MB at once, 8 MB for a minute); with less a
# burst to many people cuts every process off, and all its streams catch up from the table.
BUFFER_MIN_BYTES = 32 * 1024**2
ANSWER_SECONDS = 3.0
CURE_ACL = "Let the user do it: the README's section on REDIS_URL has the rule."


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, new enough, patient enough, and let us publish and hear."""
    address = settings.redis_address
    if address is None:
        cure = "Set REDIS_URL before more than one process or machine serves."
        yield note("Redis", "not set: one process only", cure)
        return
    servers = servers_at(address)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await servers.refresh()
    except (RedisError, OSError, TimeoutError) as error:
        yield _away("Redis", error)
        return
    for node in sorted(servers.nodes):
        async for finding in _node(settings, servers, node):
            yield finding


def _away(what: str, error: Exception) -> Finding:
    reason = (str(error) or "no answer").splitlines()[0][:200]
    return wrong(what, reason, "Start it, or mend REDIS_URL (host, port, password, TLS).")


async def _node(settings: Settings, servers: RedisServers, node: Node) -> AsyncIterator[Finding]:
    what = "Redis" if not node[0] else f"Redis {node[0]}:{node[1]}"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            connection = await servers.connect(node, "notifier-doctor")
    except (RedisError, OSError, TimeoutError) as error:
        yield _away(what, error)
        return
    try:
        for check in (_version, _buffers, _clock):
            yield await check(what, connection)
        yield await _hears_itself(what, connection, settings, servers, node)
    except (RedisError, OSError, TimeoutError) as error:
        yield _away(what, error)
    finally:
        closed(connection)


async def _ask(connection: Any, *command: object) -> Any:
    async with asyncio.timeout(ANSWER_SECONDS):
        await connection.send_command(*command)
        return await connection.read_response()


async def _version(what: str, connection: Any) -> Finding:
    try:
        info = await _ask(connection, "INFO", "server")
    except NoPermissionError:
        return note(what, "does not let us ask for its version", "It must be 7.0 or newer.")
    lines = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    version = lines.get("redis_version", "0.0")
    if tuple(int(part) for part in version.split(".")[:2]) < VERSION_MIN:
        return wrong(what, f"version {version} is too old", "Take Redis 7 or Valkey.")
    return good(what, f"answers, version {version}")


async def _buffers(what: str, connection: Any) -> Finding:
    what = f"{what}'s buffers"
    try:
        answer = await _ask(connection, "CONFIG", "GET", "client-output-buffer-limit")
    except (NoPermissionError, ResponseError):
        cure = "Look yourself: CONFIG GET client-output-buffer-limit; pubsub 32mb 8mb 60 is good."
        return note(what, "we may not look", cure)
    words = answer[1].decode().split()
    at = words.index("pubsub")
    hard, soft, seconds = (int(word) for word in words[at + 1 : at + 4])
    found = f"{hard // 1024**2} MB, or {soft // 1024**2} MB for {seconds} s, for a subscriber"
    cure = "CONFIG SET client-output-buffer-limit 'pubsub 32mb 8mb 60', and in redis.conf too."
    if hard == 0:
        return note(what, "unlimited: a process that hangs fills Redis' memory", cure)
    if hard < BUFFER_MIN_BYTES:
        return wrong(what, f"{found}: too little for a burst", cure)
    return good(what, found)


async def _clock(what: str, connection: Any) -> Finding:
    seconds, microseconds = await _ask(connection, "TIME")
    return clock(f"{what}'s clock", int(seconds) + int(microseconds) / 1e6, time.time())


async def _hears_itself(
    what: str, listening: Any, settings: Settings, servers: RedisServers, node: Node
) -> Finding:
    """Subscribe on one connection, publish on another, and hear it: what the bus needs."""
    stem = f"{settings.channel_prefix}:doctor:{secrets.token_hex(8)}".encode()
    channel = servers.channel_on(node, stem)
    subscribe, publish = ("SSUBSCRIBE", "SPUBLISH") if servers.sharded else ("SUBSCRIBE", "PUBLISH")
    try:
        await _ask(listening, subscribe, channel)
        publishing = await servers.connect(node, "notifier-doctor")
        try:
            await _ask(publishing, publish, channel, b"")
        finally:
            closed(publishing)
        async with asyncio.timeout(ANSWER_SECONDS):
            await listening.read_response()
    except NoPermissionError as error:
        return wrong(f"{what}'s channels", str(error), CURE_ACL)
    except TimeoutError:
        found = "what is published is not heard"
        return wrong(f"{what}'s channels", found, "Is it a replica? Name the master in REDIS_URL.")
    return good(f"{what}'s channels", "what is published is heard")
