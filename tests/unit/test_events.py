"""Events and signals: what may have a name."""

from __future__ import annotations

import pytest

from notifier.events import Signal, check_name


@pytest.mark.parametrize("name", ["message", "unread_message_count", "a", "A-1.b_c", "x" * 64])
def test_a_name_is_letters_digits_and_three_signs(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_",
        "a b",
        "a\n",
        "é",
        "x" * 65,
        "ping",
        "reset",
        "signed_out",
        "too_many",
        "open",
        "a:b",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name"):
        check_name(name)


@pytest.mark.parametrize(("name", "payload"), [("ping", 1), ("a b", 1), ("typing", "x" * 4_096)])
def test_a_signal_is_small_and_has_a_name(name: str, payload: object) -> None:
    with pytest.raises(ValueError, match=r"name|bytes"):
        Signal.make(7, name, payload, 1.0)
