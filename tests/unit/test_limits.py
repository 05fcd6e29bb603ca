"""Limits go on without Redis: each process then counts for itself."""

from __future__ import annotations

import time

import pytest
from limits import RateLimitItemPerMinute

from notifier.errors import TooMany
from notifier.settings import Settings
from notifier.web.limits import Limits

KEY = "k" * 32


async def test_a_redis_that_is_away_neither_stops_people_nor_lets_them_guess() -> None:
    # Port 1 is reserved and nobody listens there.
    settings = Settings.load(_env_file=None, secret_key=KEY, redis_url="redis://127.0.0.1:1/0")
    limits = Limits(settings)
    for _ in range(3):
        await limits.spend(RateLimitItemPerMinute(3), "kind", "somebody")
    with pytest.raises(TooMany) as refused:
        await limits.spend(RateLimitItemPerMinute(3), "kind", "somebody")
    assert 1 <= refused.value.retry_after <= 60
    await limits.spend(RateLimitItemPerMinute(3), "kind", "somebody else")


async def test_a_redis_that_is_away_is_not_asked_every_time() -> None:
    limits = Limits(
        Settings.load(_env_file=None, secret_key=KEY, redis_url="redis://127.0.0.1:1/0")
    )
    await limits.spend(RateLimitItemPerMinute(1000), "kind", "somebody")
    until = limits._redis_again_at
    assert until > time.monotonic()
    await limits.spend(RateLimitItemPerMinute(1000), "kind", "somebody")
    assert limits._redis_again_at == until


@pytest.mark.parametrize("error", [ConnectionError(), TimeoutError(), RuntimeError("closed")])
async def test_however_redis_goes_away_people_go_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    limits = Limits(
        Settings.load(_env_file=None, secret_key=KEY, redis_url="redis://127.0.0.1:1/0")
    )

    async def fails(*_: object) -> bool:
        raise error

    monkeypatch.setattr(limits._shared, "hit", fails)
    await limits.spend(RateLimitItemPerMinute(1), "kind", "somebody")
    with pytest.raises(TooMany):
        await limits.spend(RateLimitItemPerMinute(1), "kind", "somebody")


async def test_switched_off_they_count_nothing() -> None:
    limits = Limits(Settings.load(_env_file=None, secret_key=KEY, rate_limits="off"))
    for _ in range(5):
        await limits.spend(RateLimitItemPerMinute(1), "kind", "somebody")
