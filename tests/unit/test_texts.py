"""What people may write, and how long it is as people count."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.errors import Refused
from notifier.texts import (
    CHARACTER_MAX_CODE_POINTS,
    TEXT_CODE_POINTS_PER_CHARACTER,
    clean,
    count_characters,
)

MOST = 140
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


def message(text: str) -> str:
    return clean(text, most=MOST, what="A message", field="message")


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        message(text)
    assert (caught.value.status, caught.value.field) == (422, "message")
    assert caught.value.message.startswith("A message ")
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("héllo", 5),
        ("he\u0301llo", 5),
        (FAMILY, 1),
        (SCOTLAND, 1),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2),
        ("नमस्ते", 3),
        ("한국", 2),
        ("\u1112\u1161\u11ab", 1),
        ("a\r\nb", 3),
    ],
)
def test_characters_are_counted_as_a_reader_sees_them(text: str, number: int) -> None:
    assert count_characters(text) == number


@pytest.mark.parametrize("character", ["x", "é", "e\u0301", FAMILY, "漢", "\U0001f1e9\U0001f1ea"])
def test_a_text_may_have_so_many_characters_and_not_one_more(character: str) -> None:
    assert count_characters(message(character * MOST)) == MOST
    assert refusal(character * (MOST + 1)).startswith("A message can be at most 140 characters")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\t\r\n",
        "\u00a0\u2003\u3000",
        "\u200b\u200d\u2060\ufeff",
        "\u200e\u202e",
        "\u3164\u115f\uffa0",
        "\u2800",
        "\u00ad",
        "\ufe0f\u034f",
        "\U000e0020",
    ],
)
def test_a_text_that_shows_nothing_is_empty(text: str) -> None:
    assert refusal(text) == "A message cannot be empty."
    assert clean(text, most=5, what="About me", field="about_me", least=0) is not None


@pytest.mark.parametrize(
    "bad",
    ["\0", "\x07", "\x1b[31m", "\x7f", "\x85", "\x9f", "\ud800", "\udfff", "\ufffe", "\uffff"],
)
def test_what_is_no_text_is_refused(bad: str) -> None:
    assert refusal(f"before{bad}after") == "A message cannot hold control characters."


@pytest.mark.parametrize(
    "text",
    ["\u202eright to left", "a\u2028b", "a\tb", "</script><b>&amp;", "data: x", "'"],
)
def test_what_is_text_passes_unchanged(text: str) -> None:
    assert message(text) == text


def test_line_ends_become_one_and_the_ends_are_trimmed() -> None:
    assert message("  one\r\ntwo\rthree\n\n ") == "one\ntwo\nthree"


def test_two_ways_to_write_a_letter_are_stored_as_one() -> None:
    assert message("e\u0301") == "\u00e9"


def test_a_pile_of_marks_is_refused() -> None:
    pile = "e" + "\u0329" * (CHARACTER_MAX_CODE_POINTS - 1)
    assert message(pile)
    assert refusal(pile + "\u0329") == "A message piles too many marks on one character."


def test_a_megabyte_of_marks_is_refused_at_once() -> None:
    before = time.process_time()
    assert refusal("e" + "\u0301" * 1_000_000)
    assert refusal("\U0001f1e6" * 1_000_000)
    assert time.process_time() - before < 0.5


@given(st.text())
@example("\u0344" * 100)
@example("\ufb2c" * 140)
def test_what_is_stored_is_bounded_clean_and_stays_as_it_is(text: str) -> None:
    try:
        stored = message(text)
    except Refused:
        return
    assert 1 <= count_characters(stored) <= MOST
    # Composed forms that Unicode excludes come apart, into three at most.
    bound = MOST * TEXT_CODE_POINTS_PER_CHARACTER + CHARACTER_MAX_CODE_POINTS
    assert len(stored) <= 3 * bound
    assert unicodedata.is_normalized("NFC", stored)
    assert "\0" not in stored and "\r" not in stored
    stored.encode()
    assert message(stored) == stored
