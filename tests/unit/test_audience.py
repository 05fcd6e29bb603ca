"""The chain of a recipient's streams, also while it changes."""

from __future__ import annotations

import pytest

from notifier.audience import Audience
from notifier.subscriber import Subscriber


@pytest.fixture
def streams() -> list[Subscriber]:
    return [Subscriber(1, number, 0, lambda: None) for number in range(4)]


@pytest.fixture
def audience(streams: list[Subscriber]) -> Audience:
    audience = Audience(1)
    for stream in streams:
        audience.add(stream)
    return audience


def test_nobody_listens_at_first() -> None:
    assert list(Audience(1)) == []


@pytest.mark.parametrize("gone", range(4))
def test_whoever_leaves_is_gone_once_and_the_others_stay(
    audience: Audience, streams: list[Subscriber], gone: int
) -> None:
    assert audience.remove(streams[gone])
    assert set(audience) == set(streams) - {streams[gone]}
    assert not audience.remove(streams[gone]), "it is not here any more"
    assert len(list(audience)) == 3


def test_when_all_have_left_somebody_may_come(
    audience: Audience, streams: list[Subscriber]
) -> None:
    for stream in streams:
        assert audience.remove(stream)
    assert list(audience) == []
    audience.add(back := Subscriber(1, 9, 0, lambda: None))
    assert list(audience) == [back]


@pytest.mark.parametrize("gone", range(4))
@pytest.mark.parametrize("when", range(4))
def test_a_way_along_the_chain_goes_on_whoever_leaves_and_comes_meanwhile(
    audience: Audience, streams: list[Subscriber], gone: int, when: int
) -> None:
    met = []
    for number, stream in enumerate(audience):
        met.append(stream)
        if number == when:
            audience.remove(streams[gone])
            audience.add(Subscriber(1, 9, 0, lambda: None))
    assert [one for one in met if one is not streams[gone]] == [
        one for one in reversed(streams) if one is not streams[gone]
    ]
