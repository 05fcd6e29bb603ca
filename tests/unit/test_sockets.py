"""Listening sockets, and what is said about an address that cannot be had."""

from __future__ import annotations

import socket

import pytest

from notifier import sockets
from notifier.errors import SettingsError


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:443", ("::1", 443)),
        ("example.org:65535", ("example.org", 65535)),
    ],
)
def test_an_address_is_host_and_port(bind: str, address: tuple[str, int]) -> None:
    assert sockets.parse_bind(bind) == address


@pytest.mark.parametrize("bind", ["", "8000", ":8000", "localhost", "localhost:", "h:x", "h:65536"])
def test_anything_else_is_refused_with_an_example(bind: str) -> None:
    with pytest.raises(SettingsError, match=r"such as 127\.0\.0\.1:8000"):
        sockets.parse_bind(bind)


def test_a_connection_inherits_what_ends_a_dead_one() -> None:
    with sockets.listen("127.0.0.1:0") as listening:
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            tcp = socket.IPPROTO_TCP
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == sockets.USER_TIMEOUT_MS
            assert accepted.getsockopt(tcp, socket.TCP_KEEPIDLE) == sockets.KEEPALIVE_IDLE_SECONDS


def test_a_taken_port_is_one_clear_sentence() -> None:
    with sockets.listen("127.0.0.1:0") as listening:
        port = listening.getsockname()[1]
        with pytest.raises(SettingsError, match=f"using 127.0.0.1:{port} already"):
            sockets.listen(f"127.0.0.1:{port}")


def test_an_address_of_another_machine_is_one_clear_sentence() -> None:
    # 192.0.2.0/24 is kept for documentation: no machine has it.
    with pytest.raises(SettingsError, match=r"Cannot listen on 192\.0\.2\.1:8000: "):
        sockets.listen("192.0.2.1:8000")


def test_a_listening_socket_never_blocks() -> None:
    with sockets.listen("127.0.0.1:0") as listening, pytest.raises(BlockingIOError):
        listening.accept()
