"""How often who may do what: the `limits` library over Redis where there is one, else in memory.

A Redis that is away must neither stop people nor let them guess passwords: then each process counts
for itself, and looks for Redis again a little later.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any, cast

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond, parse
from limits.aio.storage import MemoryStorage, RedisClusterStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from quart import request
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import RedisClusterException, RedisError

from notifier.addresses import seen_from
from notifier.errors import TooMany
from notifier.languages import Sentence
from notifier.redis_addresses import Kind, RedisAddress, closing_is_an_error
from notifier.settings import Settings
from notifier.typing_signal import PAUSE_SECONDS
from notifier.web.site import site

log = structlog.get_logger("notifier.limits")

# Guessing: from one place against one name, from one place against any, from anywhere against one.
# A person mistypes a few times; an office behind one address signs in some dozens; and whoever is
# guessed at by many places waits at most the last of these windows.
SIGN_IN_HERE = parse("10 per 5 minutes")
SIGN_IN_ADDRESS = parse("60 per 5 minutes")
SIGN_IN_ACCOUNT = parse("40 per 5 minutes")
# A class of thirty registers from one address in an hour; a script wants thousands.
REGISTER_ADDRESS = parse("40 per hour")
# Faster than anybody writes, slower than any flood.
SEND_PERSON = RateLimitItemPerMinute(60)
POST_PERSON = RateLimitItemPerMinute(20)
PASSWORD_PERSON = parse("10 per 5 minutes")
# Somebody who goes to and fro between two windows and their work, on several devices.
PRESENCE_PERSON = RateLimitItemPerMinute(30)
# Of one person to another. Each process keeps to it by itself; this is for all of them together.
TYPING_PAIR = RateLimitItemPerSecond(1, int(PAUSE_SECONDS))
# Who tidies up blocks some dozens; each change is a transaction over all that the other wrote.
TIE_PERSON = RateLimitItemPerMinute(30)
# Each one reads everything that a person has.
EXPORT_PERSON = parse("10 per day")

# A Redis that does not answer is left alone this long, so that not every request waits for it.
REDIS_AGAIN_SECONDS = 5.0
REDIS_CONNECT_SECONDS = 0.5
# For all of it, also where the client takes another connection. The client's own limit for each
# reply is left out: it costs 40 µs, a fifth of the whole.
REDIS_TIMEOUT_SECONDS = 1.0


class Limits:
    """Counts what people do, and refuses what is too much."""

    def __init__(self, given: Settings) -> None:
        self.on = given.limits_on
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = self._own
        if (address := given.redis_address) is not None:
            storage = _redis(address, f"{given.channel_prefix}:limits")
            self._shared = MovingWindowRateLimiter(storage)
        self._redis_again_at = 0.0

    async def spend(self, limit: RateLimitItem, kind: str, *whose: str) -> None:
        """Count one more. Raises `TooMany`, with the seconds until there is room again."""
        if not self.on:
            return
        key = (kind, *whose)
        if self._shared is not self._own and time.monotonic() >= self._redis_again_at:
            try:
                with closing_is_an_error():
                    async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                        await _spend(self._shared, limit, key)
                return
            except (RedisError, RedisClusterException, OSError) as error:
                self._redis_again_at = time.monotonic() + REDIS_AGAIN_SECONDS
                log.warning("limits_without_redis", reason=type(error).__name__)
        await _spend(self._own, limit, key)


async def spend(limit: RateLimitItem, kind: str, *whose: str) -> None:
    """As `Limits.spend`, on the limits of this app."""
    await site().limits.spend(limit, kind, *whose)


def _redis(address: RedisAddress, key_prefix: str) -> Storage:
    """Counters at `address`, whatever kind of Redis is there; nothing is connected yet."""
    options = address.connection_options()
    options["socket_connect_timeout"] = REDIS_CONNECT_SECONDS
    # A cluster's client asks several nodes in turn, so it needs the limit of its own.
    options["socket_timeout"] = REDIS_CONNECT_SECONDS if address.kind is Kind.CLUSTER else None
    if address.kind is Kind.CLUSTER:
        options.pop("connection_class", None)
        places = ",".join(f"{host}:{port}" for host, port in address.hosts)
        return RedisClusterStorage(
            f"async+redis+cluster://{places}",
            implementation="redispy",
            key_prefix=key_prefix,
            ssl=address.tls,
            **options,
        )
    # The library cannot read every address that we can, so it is given the way there instead.
    pool: Any
    if address.kind is Kind.SENTINEL:
        options.pop("connection_class", None)
        options["ssl"] = address.tls
        pool = cast(Any, SentinelConnectionPool)(address.service, address.sentinels(), **options)
    else:
        pool = ConnectionPool(**options)
    return RedisStorage(
        "async+redis://", implementation="redispy", key_prefix=key_prefix, connection_pool=pool
    )


async def _spend(
    limiter: MovingWindowRateLimiter, limit: RateLimitItem, key: tuple[str, ...]
) -> None:
    if await limiter.hit(limit, *key):
        return
    window = await limiter.get_window_stats(limit, *key)
    seconds = min(max(1, math.ceil(window.reset_time - time.time())), limit.get_expiry())
    raise TooMany(
        "That was too often in a short time. Please try again in %(time)s.",
        retry_after=seconds,
        time=_spoken(seconds),
    )


def _spoken(seconds: int) -> Sentence:
    if seconds < 90:
        return Sentence.counted("%(num)s second", "%(num)s seconds", seconds)
    return Sentence.counted("%(num)s minute", "%(num)s minutes", math.ceil(seconds / 60))


def address() -> str:
    """Where the request comes from."""
    client = request.scope.get("client")
    return seen_from(
        str(client[0]) if client else "",
        ",".join(request.headers.getlist("X-Forwarded-For")),
        site().settings.trusted_proxies,
    )
