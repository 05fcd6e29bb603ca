"""Sentinel names another master while the old one lives: sentinels take ten seconds to tell it."""

from __future__ import annotations

from pathlib import Path

from notifier.redis_bus import RedisBus
from tests.integration.test_buses import Ear, subscribed
from tests.patience import until
from tests.redis_kinds import FAILOVER_CEILING_SECONDS, SERVICE, RedisSentinels, tell


async def test_a_master_that_was_deposed_and_lives_is_left(tmp_path: Path) -> None:
    sentinels = RedisSentinels(tmp_path)
    try:
        await sentinels.start()
        await leaves_the_deposed(sentinels)
    finally:
        await sentinels.stop()


async def leaves_the_deposed(sentinels: RedisSentinels) -> None:
    speaker, listener = RedisBus(sentinels.url, "tests"), RedisBus(sentinels.url, "tests")
    ear = Ear()
    await speaker.start(Ear())
    await listener.start(ear)
    try:
        await subscribed(listener, 1)
        old = sentinels.master
        tell(sentinels.sentinels[0].port, "SENTINEL", "FAILOVER", SERVICE)
        await sentinels.another_master(old)
        assert old.alive()
        await until(lambda: ear.gaps >= 2, "everybody is behind", FAILOVER_CEILING_SECONDS)
        await until(lambda: not (speaker.trouble or listener.trouble), "all is well")
        speaker.publish(1, b"heard at the new one")
        await ear.hears((1, b"heard at the new one"))
        await until(lambda: tell(old.port, "ROLE")[0] == b"slave", "the precondition")
    finally:
        await speaker.stop()
        await listener.stop()
