"""Listening sockets, made once and handed to the processes that serve them."""

from __future__ import annotations

import errno
import socket

from notifier.errors import SettingsError

# Everybody's browsers return at once after a restart; the kernel bounds it by somaxconn.
BACKLOG = 4096
# A peer that does not acknowledge what we sent is gone after this: a browser whose network
# vanished, a reader that never reads. Linux's own answer would take a quarter of an hour.
USER_TIMEOUT_MS = 30_000
# An idle connection is asked for a sign of life after this, three times, 10 s apart.
KEEPALIVE_IDLE_SECONDS = 60
KEEPALIVE_INTERVAL_SECONDS = 10
KEEPALIVE_PROBES = 3


def parse_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises `SettingsError`."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise SettingsError(f"{bind!r} is no HOST:PORT, such as 127.0.0.1:8000.")
    return host.strip("[]"), int(port)


def next_port(bind: str) -> str:
    """The same host, one port further."""
    _, port = parse_bind(bind)
    return f"{bind.rpartition(':')[0]}:{port + 1}"


def listen(bind: str) -> socket.socket:
    """A listening socket; accepted connections inherit its options (Linux does so).

    Raises `SettingsError` when the address cannot be had.
    """
    host, port = parse_bind(bind)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"Cannot listen on {bind}: {error.strerror}.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        tcp = socket.IPPROTO_TCP
        listening.setsockopt(tcp, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
        listening.setsockopt(tcp, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS)
        listening.setsockopt(tcp, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
        listening.setsockopt(tcp, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        listening.setsockopt(tcp, socket.TCP_NODELAY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Something else is using {bind} already: stop it, or choose another --bind."
            ) from None
        raise SettingsError(f"Cannot listen on {bind}: {error.strerror}.") from None
    listening.setblocking(False)
    return listening
