"""Redis behind a password, a certificate or a Unix socket: let in, or told why not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from notifier.redis_bus import RedisBus
from tests.conftest import People, Serve
from tests.integration.test_buses import Ear, subscribed
from tests.patience import until
from tests.processes import RedisServer, free_port
from tests.redis_kinds import Certificates, tell

PASSWORD = "p@ss/w:rd#?"
# What the README tells an operator to allow.
ALLOWED = ("on", f">{PASSWORD}", "~notifier:*", "&notifier:*", "+@all", "-@dangerous", "+role")

# Starts a Redis with options of its own.
Start = Callable[..., Awaitable[RedisServer]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(*options: str) -> RedisServer:
            server = RedisServer(tmp_path, *options)
            stack.push_async_callback(server.kill)
            await server.start()
            return server

        yield started


async def carries(url: str, ca_file: str = "") -> None:
    """A bus at `url` works, there and back."""
    bus, ear = RedisBus(url, "notifier", ca_file), Ear()
    await bus.start(ear)
    try:
        assert not bus.trouble
        await subscribed(bus, 1)
        bus.publish(1, b"let in")
        await ear.hears((1, b"let in"))
    finally:
        await bus.stop()


async def refused(url: str, why: str, ca_file: str = "") -> None:
    """A bus at `url` says why it is not let in, once, and tries on."""
    with capture_logs() as lines:
        bus = RedisBus(url, "notifier", ca_file)
        await bus.start(Ear())
        try:
            await until(lambda: bus.counts().get("disconnected", 0) >= 3, "it tries on")
            assert why in bus.trouble
        finally:
            await bus.stop()
    assert [line["event"] for line in lines].count("bus_degraded") == 1
    assert PASSWORD not in str(lines)


async def test_a_password_lets_in_and_a_wrong_one_does_not(start: Start) -> None:
    server = await start("--requirepass", PASSWORD)
    await carries(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/0")
    await refused(f"redis://:wrong@127.0.0.1:{server.port}/0", "password")
    await refused(server.url, "Authentication required")


async def test_a_user_of_its_own_needs_only_what_the_readme_says(start: Start) -> None:
    server = await start()
    tell(server.port, "ACL", "SETUSER", "notifier", "reset", *ALLOWED)
    tell(server.port, "ACL", "SETUSER", "default", "off")
    await carries(f"redis://notifier:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/0")
    await refused(f"redis://notifier:wrong@127.0.0.1:{server.port}/0", "password")


async def test_tls_is_spoken_with_who_has_a_certificate_that_we_know(
    start: Start, certificates: Certificates
) -> None:
    port = free_port()
    await start(*certificates.options(port))
    url = f"rediss://127.0.0.1:{port}/0"
    await carries(url, str(certificates.authority))
    await carries(f"{url}?ssl_ca_certs={certificates.authority}")
    await refused(url, "CERTIFICATE_VERIFY_FAILED")
    await refused(f"rediss://localhost:{port}/0", "CERTIFICATE_VERIFY", str(certificates.authority))


async def test_a_unix_socket_will_do(start: Start, tmp_path: Path) -> None:
    await start("--unixsocket", str(tmp_path / "redis.sock"))
    await carries(f"unix://{tmp_path}/redis.sock?db=1")


async def test_the_app_and_its_limits_use_a_redis_with_password_and_tls(
    start: Start, certificates: Certificates, serve: Serve, people: People
) -> None:
    port = free_port()
    redis = await start(*certificates.options(port))
    tell(redis.port, "ACL", "SETUSER", "notifier", "reset", *ALLOWED)
    server = await serve(
        REDIS_URL=f"rediss://notifier:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0",
        NOTIFIER_REDIS_CA=certificates.authority,
        NOTIFIER_RATE_LIMITS="on",
    )
    harry, gitau = await people("harry", "gitau", on=server)
    async with gitau.stream() as stream:
        await harry.send(gitau, "in secret")
        await stream.count(1)
    assert tell(redis.port, "KEYS", "notifier:limits:*"), "the limits count there"
    assert PASSWORD not in server.output()
