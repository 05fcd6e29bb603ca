"""`notifier doctor` on machines that were made wrong in each way it claims to notice."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from email.utils import formatdate
from pathlib import Path

import pytest
import time_machine

from notifier import vapid
from notifier.doctor import Finding, State, bus, machine, public, tables
from notifier.settings import Settings
from tests.certificates import Certificate, make_certificate
from tests.doors import Doors
from tests.integration.conftest import settings_for
from tests.processes import RedisServer, Server, free_port, running

HOUR_SECONDS = 3_600


def found(findings: list[Finding], what: str) -> Finding:
    """The one about `what`; whatever is not good says what to do."""
    for finding in findings:
        assert bool(finding.cure) is (finding.state is not State.GOOD), finding
    (one,) = [finding for finding in findings if finding.what == what]
    return one


# -- the machine and its settings ------------------------------------------------------------

KEY = vapid.new_private_key()
HEALTHY: dict[str, object] = {
    "vapid_private_key": KEY,
    "vapid_subject": "mailto:operator@example.org",
    "public_url": "https://notifier.example.org",
    "trusted_proxies": 1,
    "metrics_bind": "127.0.0.1:9464",
    "streams_per_process": 100,
}


def looked_at(**changed: object) -> list[Finding]:
    kept = {"secret_key": "only for the tests, and long enough", **HEALTHY, **changed}
    return list(machine.examine(Settings.load(_env_file=None, **kept)))


def test_a_healthy_machine_is_told_so() -> None:
    assert {one.state for one in looked_at()} == {State.GOOD}


@pytest.mark.parametrize(
    ("what", "changed", "state"),
    [
        ("environment", {"env": "development"}, State.NOTE),
        ("secret key", {"secret_key": "abababababababababab"}, State.WRONG),
        ("public address", {"public_url": ""}, State.WRONG),
        ("public address", {"public_url": "http://notifier.example.org"}, State.WRONG),
        ("rate limits", {"rate_limits": "off"}, State.WRONG),
        ("proxy", {"trusted_proxies": 0}, State.WRONG),
        ("metrics", {"metrics_bind": ""}, State.NOTE),
        ("pushes", {"public_url": "http://notifier.example.org"}, State.WRONG),
        ("pushes", {"vapid_private_key": ""}, State.GOOD),
    ],
)
def test_each_wrong_setting_is_noticed(what: str, changed: dict[str, object], state: State) -> None:
    assert found(looked_at(**changed), what).state is state


def test_too_few_open_files_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    assert found(looked_at(streams_per_process=3_000), "open files").state is State.GOOD
    assert found(looked_at(streams_per_process=4_000), "open files").state is State.WRONG


async def test_settings_that_nothing_starts_with_are_one_sentence(tmp_path: Path) -> None:
    server = Server(tmp_path, SECRET_KEY="change-me")
    assert await server.run("doctor") == 3
    assert "SECRET_KEY is too short or a well-known default" in server.output()
    server.environment |= {
        "SECRET_KEY": "long enough for a secret",
        "NOTIFIER_VAPID_PRIVATE_KEY": "x",
    }
    assert await server.run("doctor") == 3
    assert "NOTIFIER_VAPID_PRIVATE_KEY is no key" in server.output()


# -- the database ----------------------------------------------------------------------------


async def at_tables(settings: Settings) -> list[Finding]:
    return [finding async for finding in tables.examine(settings)]


@pytest.fixture
def file(tmp_path: Path, migrated: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "notifier.db"))


@pytest.mark.sqlite
async def test_a_file_that_is_not_there_or_is_none_is_noticed(tmp_path: Path) -> None:
    missing = await at_tables(settings_for(f"sqlite:///{tmp_path}/none.db"))
    assert found(missing, "database").state is State.WRONG
    assert not (tmp_path / "none.db").exists(), "it only looks"
    (tmp_path / "text.db").write_text("This is no database, and never was one. " * 30)
    other = await at_tables(settings_for(f"sqlite:///{tmp_path}/text.db"))
    assert found(other, "database").state is State.WRONG


@pytest.mark.sqlite
async def test_a_file_without_wal_is_noticed(file: Path) -> None:
    settings = settings_for(f"sqlite:///{file}")
    assert {one.state for one in await at_tables(settings)} == {State.GOOD}
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    assert found(await at_tables(settings), "WAL").state is State.WRONG


@pytest.mark.sqlite
async def test_tables_of_another_version_are_noticed(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'other'")
    finding = found(await at_tables(settings_for(f"sqlite:///{file}")), "tables")
    assert finding.state is State.WRONG and "notifier migrate" in finding.cure


@pytest.mark.sqlite
async def test_a_full_disk_is_noticed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(file)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
    findings = await at_tables(settings_for(f"sqlite:///{file}"))
    assert found(findings, "disk").state is State.WRONG


async def test_postgresql_that_is_away_or_has_another_clock_is_noticed(postgres_url: str) -> None:
    findings = await at_tables(settings_for(postgres_url, database_pool=1))
    assert {one.state for one in findings} == {State.GOOD}
    crowded = await at_tables(settings_for(postgres_url, database_pool=200))
    assert found(crowded, "database connections").state is State.NOTE
    with time_machine.travel(HOUR_SECONDS, tick=True):
        skewed = await at_tables(settings_for(postgres_url))
    assert found(skewed, "database's clock").state is State.WRONG
    away = settings_for(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    assert found(await at_tables(away), "database").state is State.WRONG


# -- Redis -----------------------------------------------------------------------------------


async def at_bus(url: str) -> list[Finding]:
    settings = settings_for("sqlite:///none.db", redis_url=url)
    return [finding async for finding in bus.examine(settings)]


async def test_a_healthy_redis_is_told_so_and_no_redis_is_noted(redis: RedisServer) -> None:
    assert {one.state for one in await at_bus(redis.url)} == {State.GOOD}
    assert found(await at_bus(""), "Redis").state is State.NOTE
    away = await at_bus(f"redis://127.0.0.1:{free_port()}/0")
    assert found(away, "Redis").state is State.WRONG


async def test_a_redis_with_another_clock_is_noticed(redis: RedisServer) -> None:
    with time_machine.travel("2001-01-01", tick=True):
        finding = found(await at_bus(redis.url), "Redis's clock")
    assert finding.state is State.WRONG and "ahead of" in finding.found


async def test_short_buffers_and_a_user_without_channels_are_noticed(tmp_path: Path) -> None:
    impatient = RedisServer(tmp_path, "--client-output-buffer-limit", "pubsub 1mb 1mb 60")
    async with running(impatient) as server:
        findings = await at_bus(server.url)
        assert found(findings, "Redis's buffers").state is State.WRONG
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"ACL SETUSER shut on >password ~* resetchannels +@all -config\r\n")
        assert await reader.readline() == b"+OK\r\n"
        writer.write(b"CONFIG SET client-output-buffer-limit 'pubsub 0 0 0'\r\n")
        assert await reader.readline() == b"+OK\r\n"
        unlimited = await at_bus(server.url)
        assert found(unlimited, "Redis's buffers").state is State.NOTE
        shut = await at_bus(f"redis://shut:password@127.0.0.1:{server.port}/0")
        assert found(shut, "Redis's channels").state is State.WRONG
        assert found(shut, "Redis's buffers").state is State.NOTE
        stranger = await at_bus(f"redis://shut:wrong@127.0.0.1:{server.port}/0")
        assert found(stranger, "Redis").state is State.WRONG
        writer.close()


class OldRedis:
    """A connection to a server of the last decade."""

    def __init__(self) -> None:
        self._answers = deque([b"# Server\r\nredis_version:6.2.14\r\n"])

    async def send_command(self, *_: object) -> None:
        return None

    async def read_response(self) -> bytes:
        return self._answers.popleft()


async def test_an_old_redis_is_noticed() -> None:
    finding = await bus._version("Redis", OldRedis())
    assert finding.state is State.WRONG and "6.2.14" in finding.found


# -- the public address ----------------------------------------------------------------------

FIRST, SECOND = b"retry: 2000\n\n", b"event: ping\ndata: {}\n\n"


class Proxy:
    """What stands in front, in the way that a test wants it."""

    def __init__(self, how: str, clock_ahead: float = 0) -> None:
        self.how = how
        self.clock_ahead = clock_ahead

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            await self._answer(request.split(b" ")[1], writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            # Who asked only wanted to see the certificate.
            pass
        finally:
            writer.close()

    async def _answer(self, path: bytes, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        status = 502 if self.how == "deaf" or (self.how == "partial" and b"st" in path) else 200
        date = formatdate(time.time() + self.clock_ahead, usegmt=True)
        coding = "Content-Encoding: gzip\r\n" if self.how == "compressing" else ""
        head = f"HTTP/1.1 {status} It is\r\nDate: {date}\r\n{coding}Connection: close\r\n\r\n"
        writer.write(head.encode())
        if path == b"/stream/probe":
            writer.write(FIRST)
            if self.how == "cutting":
                return
            if self.how != "buffering":
                late = loop.create_future()
                loop.call_later(0.6, late.set_result, None)
                await late
            writer.write(SECOND)


@asynccontextmanager
async def proxy(
    how: str, certificate: Certificate | None = None, *protocols: str, ahead: float = 0
) -> AsyncIterator[str]:
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.chain, certificate.key)
        context.set_alpn_protocols(list(protocols))
    server = await asyncio.start_server(Proxy(how, ahead), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"


async def outside(url: str) -> list[Finding]:
    return [finding async for finding in public.examine(url)]


@pytest.mark.parametrize("how", ["buffering", "compressing", "cutting", "partial"])
async def test_a_proxy_that_keeps_streams_back_is_noticed(how: str) -> None:
    async with proxy(how) as url:
        assert found(await outside(url), "streams").state is State.WRONG


async def test_a_proxy_that_passes_streams_on_is_not_blamed_and_another_clock_is_noticed() -> None:
    async with proxy("good", ahead=HOUR_SECONDS) as url:
        findings = await outside(url)
    assert found(findings, "streams").state is State.GOOD
    assert found(findings, "TLS").state is State.NOTE
    assert found(findings, "public address' clock").state is State.WRONG


async def test_an_address_where_nobody_answers_is_noticed() -> None:
    async with proxy("deaf") as url:
        assert found(await outside(url), "public address").state is State.WRONG
    assert found(await outside(url), "public address").state is State.WRONG


async def test_http2_and_certificates_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    async with proxy("good", certificate, "http/1.1") as url:
        assert found(await outside(url), "TLS").state is State.WRONG, "nobody trusts it"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        findings = await outside(url)
    assert found(findings, "TLS").state is State.GOOD
    assert found(findings, "HTTP/2").state is State.WRONG
    async with proxy("good", certificate, "h2", "http/1.1") as url:
        assert found(await outside(url), "HTTP/2").state is State.GOOD
    (tmp_path / "short").mkdir()
    brief = make_certificate(tmp_path / "short", days=3)
    monkeypatch.setenv("SSL_CERT_FILE", str(brief.authority))
    async with proxy("good", brief, "h2") as url:
        assert found(await outside(url), "TLS").state is State.GOOD, "it lives for no longer"


@pytest.mark.parametrize(
    ("of_days", "left_days", "state"),
    [
        (90, 30, State.GOOD),
        (90, 13, State.WRONG),
        (6, 3, State.GOOD),
        (6, 1, State.WRONG),
        (0.5, 0.4, State.GOOD),
        (0.5, 0.1, State.WRONG),
    ],
)
def test_a_certificate_is_renewed_before_it_ends(
    of_days: float, left_days: float, state: State
) -> None:
    day = 86_400
    assert public.validity(0, of_days * day, (of_days - left_days) * day).state is state


async def test_both_doors_answer_the_probe_in_two_pieces(doors: Doors) -> None:
    for door in (doors.web, doors.gateway):
        findings = await outside(f"http://127.0.0.1:{door.port}")
        assert found(findings, "streams").state is State.GOOD, door.name


async def test_the_command_says_what_is_wrong_and_its_exit_code_too(tmp_path: Path) -> None:
    settings = {
        "NOTIFIER_RATE_LIMITS": "on",
        "NOTIFIER_PUBLIC_URL": "https://notifier.example.org",
        "NOTIFIER_TRUSTED_PROXIES": 1,
        "NOTIFIER_STREAMS_PER_PROCESS": 100,
    }
    server = Server(tmp_path, **settings)
    assert await server.run("migrate") == 0
    assert await server.run("doctor", "--no-url") == 0, server.output()
    assert "Nothing is wrong." in server.output()
    server.environment["NOTIFIER_RATE_LIMITS"] = "off"
    assert await server.run("doctor", "--no-url") == 1
    assert "WRONG  rate limits: off" in server.output() and "1 wrong." in server.output()
