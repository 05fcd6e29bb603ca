"""A picture comes from the name alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.accounts import USERNAME
from notifier.avatar import SIDE, avatar


def test_one_name_looks_the_same_whatever_its_case() -> None:
    assert avatar("Harry") == avatar("harry")
    assert avatar("harry") != avatar("gitau")


@given(st.from_regex(USERNAME, fullmatch=True))
def test_every_name_has_one_that_stays_in_its_frame(name: str) -> None:
    picture = avatar(name)
    assert picture.letter == picture.letter.upper() and len(picture.letter) == 1
    for circle in picture.circles:
        assert 0 <= circle.x <= SIDE and 0 <= circle.y <= SIDE
