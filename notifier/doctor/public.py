"""The doctor outside: what a browser meets at the public address, the proxies in between included.

It asks for `/stream/probe`: two pieces a second apart, for everybody. A proxy that passes it on as
it comes passes on streams; one that buffers hands over both at once.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from notifier.doctor.finding import SKEW_MAX_SECONDS, Finding, clock, good, note, wrong

ANSWER_SECONDS = 10.0
# The pieces of the probe are this far apart, less what a network does to them.
APART_MIN_SECONDS = 0.5
CERTIFICATE_DAYS_MIN = 14
# Of the life of one that lives for days or hours; what renews by itself does so at a third.
CERTIFICATE_SHARE_MIN = 1 / 4
DAY_SECONDS = 86_400
CURE_BUFFERING = (
    "Switch buffering and compression off for /stream in the proxy: nginx `proxy_buffering off; "
    "gzip off;`, Caddy `flush_interval -1`. deploy/ has whole configurations."
)


@dataclass(frozen=True)
class Place:
    """Where a public address leads."""

    tls: bool
    host: str
    port: int


async def examine(url: str) -> AsyncIterator[Finding]:
    """TLS, HTTP/2, that the app answers, its clock, and whether streams pass."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    place = Place(tls, parts.hostname or "", parts.port or (443 if tls else 80))
    try:
        if tls:
            yield await _certificate(place)
            yield await _http2(place)
        else:
            cure = "Serve https://: without it browsers speak no HTTP/2 and cookies travel open."
            yield note("TLS", "the address is http://", cure)
        async with _get(place, "/healthz") as (answered, head, _):
            # The head is enough.
            pass
        status = _status(head)
        if status != 200:
            cure = "Let the proxy pass every path on to Notifier."
            yield wrong("public address", f"/healthz answers {status}", cure)
            return
        yield good("public address", "answers")
        if date := _header(head, "date"):
            # It tells whole seconds, cut off.
            skew = parsedate_to_datetime(date).timestamp() + 0.5 - answered
            theirs = answered if abs(skew) < 0.5 + SKEW_MAX_SECONDS else answered + skew
            yield clock("public address' clock", theirs, answered)
        yield await _streams(place)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        cure = "Give the proxy a certificate for this name that browsers trust."
        yield wrong("TLS", f"no trusted connection: {reason}", cure)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        reason = str(error) or "no answer"
        cure = "Is the proxy running, the name right, the firewall open?"
        yield wrong("public address", reason, cure)


async def _open(place: Place, *protocols: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = None
    if place.tls:
        context = ssl.create_default_context()
        context.set_alpn_protocols(list(protocols))
    async with asyncio.timeout(ANSWER_SECONDS):
        return await asyncio.open_connection(place.host, place.port, ssl=context)


async def _certificate(place: Place) -> Finding:
    _, writer = await _open(place, "http/1.1")
    try:
        certificate = writer.get_extra_info("peercert") or {}
    finally:
        await _close(writer)
    begins, ends = (ssl.cert_time_to_seconds(certificate[n]) for n in ("notBefore", "notAfter"))
    return validity(begins, ends, time.time())


def validity(begins: float, ends: float, now: float) -> Finding:
    """Whether a trusted certificate should have been renewed by now; seconds since the epoch."""
    days, of_days = (ends - now) / DAY_SECONDS, (ends - begins) / DAY_SECONDS
    left = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    if days < min(CERTIFICATE_DAYS_MIN, of_days * CERTIFICATE_SHARE_MIN):
        cure = "Renew it, and see why that did not happen by itself."
        return wrong("TLS", f"the certificate ends in {left}", cure)
    return good("TLS", f"trusted, for {left}")


async def _http2(place: Place) -> Finding:
    _, writer = await _open(place, "h2", "http/1.1")
    try:
        chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    finally:
        await _close(writer)
    if chosen == "h2":
        return good("HTTP/2", "offered")
    return wrong(
        "HTTP/2",
        "not offered: a browser opens six connections to a site, so a seventh window waits",
        "Switch it on in the proxy: nginx `listen 443 ssl http2`, Caddy does so by itself.",
    )


@asynccontextmanager
async def _get(place: Place, path: str) -> AsyncIterator[tuple[float, str, asyncio.StreamReader]]:
    """When the head of the answer was there, the head, and where the rest comes."""
    reader, writer = await _open(place, "http/1.1")
    named = f"[{place.host}]" if ":" in place.host else place.host
    host = named if place.port in (80, 443) else f"{named}:{place.port}"
    asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n"
    writer.write(f"{asked}Connection: close\r\n\r\n".encode())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        yield time.time(), head.decode("latin-1"), reader
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            await writer.wait_closed()


def _status(head: str) -> int:
    words = head.split(" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0


def _header(head: str, name: str) -> str:
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return ""


async def _streams(place: Place) -> Finding:
    async with _get(place, "/stream/probe") as (_, head, reader):
        return await _probed(head, reader)


async def _probed(head: str, reader: asyncio.StreamReader) -> Finding:
    status = _status(head)
    if status != 200:
        cure = "Let the proxy pass /stream and all below it on to Notifier."
        return wrong("streams", f"/stream/probe answers {status}", cure)
    if coding := _header(head, "content-encoding"):
        return wrong("streams", f"compressed by the proxy ({coding})", CURE_BUFFERING)
    arrived: dict[bytes, float] = {}
    seen = b""
    async with asyncio.timeout(ANSWER_SECONDS):
        while piece := await reader.read(4096):
            seen += piece
            for sign in (b"retry:", b"event: ping"):
                if sign in seen:
                    arrived.setdefault(sign, time.monotonic())
    if len(arrived) < 2:
        return wrong("streams", "the probe was cut off", "Is there a time limit in the proxy?")
    first, second = arrived.values()
    if second - first < APART_MIN_SECONDS:
        return wrong("streams", "buffered: everything arrives late and at once", CURE_BUFFERING)
    return good("streams", "arrive as they are sent")
