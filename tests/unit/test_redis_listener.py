"""What a listener makes of Redis' bytes, however they were cut on their way."""

from __future__ import annotations

import pytest

from notifier.audience import Audience
from notifier.redis_listener import RedisListener


class Told:
    """What a listener says, in its order."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.listener = RedisListener(
            {b"a": Audience(1), b"b": Audience(2)},
            lambda audience, data: self.said.append((audience.recipient_id, data)),
            lambda channel: self.said.append(("nobody's", channel)),
            lambda channel: self.said.append(("confirmed", channel)),
            lambda what: self.said.append(("moved", what)),
            lambda reason: self.said.append(("lost", reason)),
        )


def message(channel: bytes, data: bytes) -> bytes:
    return b"*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (
        len(channel),
        channel,
        len(data),
        data,
    )


CONFIRMED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
PONG = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
ONE, TWO, THREE = message(b"a", b"1"), message(b"a", b"2"), message(b"b", b"3")


async def test_everything_is_told_in_the_order_in_which_it_came() -> None:
    told = Told()
    told.listener.data_received(ONE + TWO + CONFIRMED + PONG + THREE)
    told.listener.data_received(ONE)
    said = [(1, b"1"), (1, b"2"), ("confirmed", b"b"), (2, b"3"), (1, b"1")]
    assert told.said == said


async def test_a_message_on_a_channel_of_nobodys_is_no_message_to_anybody() -> None:
    told = Told()
    told.listener.data_received(ONE + message(b"canary", b"") + TWO)
    assert told.said == [(1, b"1"), ("nobody's", b"canary"), (1, b"2")]


async def test_whether_redis_has_said_anything_is_known() -> None:
    told = Told()
    told.listener.heard = False
    told.listener.data_received(PONG)
    assert told.listener.heard
    assert told.said == []


async def test_what_is_no_list_is_no_message() -> None:
    told = Told()
    told.listener.data_received(ONE + b":3\r\n$3\r\nabc\r\n$-1\r\n" + TWO + b"-ERR no\r\n")
    assert told.said == [(1, b"1"), (1, b"2"), ("lost", "ERR no")]


@pytest.mark.parametrize("cut", range(1, len(ONE + CONFIRMED + TWO)))
async def test_the_order_holds_wherever_the_bytes_were_cut(cut: int) -> None:
    told, data = Told(), ONE + CONFIRMED + TWO
    told.listener.data_received(data[:cut])
    told.listener.data_received(data[cut:])
    assert told.said == [(1, b"1"), ("confirmed", b"b"), (1, b"2")]


async def test_what_was_heard_before_garbage_is_told() -> None:
    told = Told()
    told.listener.data_received(ONE + b"?garbage\r\n")
    assert told.said[0] == (1, b"1")
    assert any(isinstance(one, tuple) and one[0] == "lost" for one in told.said[1:])
