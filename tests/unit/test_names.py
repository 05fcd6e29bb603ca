"""One person a name: what looks or folds alike cannot be two."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.accounts import check_username, username_key
from notifier.errors import Refused

fixed = settings(derandomize=True, deadline=None)
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    "name",
    [
        "h\u0430rry", "\uff48arry", "harry\u200b", "harry\u0301", "har\u00adry", "\u202eyrrah",
        "ha\u0131ry", "\u212aarl", "stra\u00dfe", "\ufb01nn", "harry\u3000x", "harry\tx", "har ry",
        "-harry", ".harry", "", "\u0661\u0662", "harry\0", "harry\n\nx", "h" * 33, "@harry", "a/b",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_name_is_none(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_username(name)
    assert refused.value.field == "username"


@fixed
@given(st.text(max_size=12))
def test_a_name_that_is_taken_up_is_plain_and_stays_itself(name: str) -> None:
    try:
        stored = check_username(name)
    except Refused:
        return
    assert set(stored.lower()) <= PLAIN
    assert check_username(stored) == stored == unicodedata.normalize("NFKC", stored)


names = st.text(st.sampled_from(sorted(PLAIN | {"A", "H", "Z"})), min_size=1, max_size=8)


@fixed
@given(names, names)
def test_two_names_are_one_person_exactly_when_they_differ_in_case_only(a: str, b: str) -> None:
    assert (username_key(a) == username_key(b)) is (a.lower() == b.lower())
    assert username_key(f"  {a.upper()} ") == username_key(a)
