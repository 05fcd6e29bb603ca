"""Both doors believe the same cookies: ours is held against quart-auth's own way of reading."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quart import Quart
from quart_auth import QuartAuth

from notifier.cookies import TOKEN_MAX_CHARACTERS, CookieReader
from notifier.settings import Settings
from notifier.sign_ins import REMEMBERED_SECONDS

KEY, OLD_KEY, OLDER_KEY, STRANGE_KEY = (
    f"{name} key for the tests" for name in ["new", "old", "older", "x"]
)
fixed = settings(derandomize=True, deadline=None, max_examples=80)


class Both:
    """Ours and quart-auth's, with the same keys."""

    def __init__(self, *fallbacks: str) -> None:
        given_settings = Settings.load(
            _env_file=None, secret_key=KEY, secret_key_fallbacks=",".join(fallbacks)
        )
        self.ours = CookieReader(given_settings)
        self.app = Quart("tests")
        self.app.config.update(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=list(fallbacks))
        self.theirs = QuartAuth(duration=REMEMBERED_SECONDS)
        self.theirs.init_app(self.app)

    def read(self, token: str) -> str | None:
        """The `auth_id`, which both must agree on."""
        theirs = self.theirs.load_token(token, self.app)
        # What is signed with our key but no text was not made by this app.
        expected = theirs if isinstance(theirs, str) else None
        assert self.ours.auth_id(token) == expected, token
        return expected

    def sign(self, value: Any, key: str = KEY) -> str:
        signed = self.theirs.serializer_class(key, str(self.theirs.salt)).dumps(value)
        return signed if isinstance(signed, str) else signed.decode()


both = Both(OLDER_KEY, OLD_KEY)


def test_a_cookie_of_ours_is_believed_by_both() -> None:
    assert both.read(both.sign("who")) == "who"
    assert both.theirs.dump_token("who", both.app) == both.sign("who")


@pytest.mark.parametrize("key", [OLD_KEY, OLDER_KEY])
def test_an_old_key_is_believed_while_it_is_listed(key: str) -> None:
    token = both.sign("who", key)
    assert both.read(token) == "who"
    assert Both().read(token) is None


@pytest.mark.parametrize("key", [STRANGE_KEY, "", KEY.upper(), KEY + " "])
def test_another_key_is_nobodys(key: str) -> None:
    assert both.read(both.sign("who", key)) is None


def test_another_salt_is_nobodys() -> None:
    token = both.theirs.serializer_class(KEY, "another salt").dumps("who")
    assert both.read(str(token)) is None


@pytest.mark.parametrize(
    ("passed", "believed"),
    [
        (0, True),
        (REMEMBERED_SECONDS - 5, True),
        (REMEMBERED_SECONDS + 5, False),
        (10 * REMEMBERED_SECONDS, False),
    ],
)
def test_a_cookie_is_believed_for_its_time(passed: int, believed: bool) -> None:
    signed_at = time.time()
    with time_machine.travel(signed_at, tick=False):
        token = both.sign("who")
    with time_machine.travel(signed_at + passed, tick=False):
        assert (both.read(token) is not None) is believed


def test_a_clock_set_back_signs_nobody_out() -> None:
    """The library takes what was signed in the future for expired; we signed it all the same."""
    signed_at = time.time()
    with time_machine.travel(signed_at, tick=False):
        token = both.sign("who")
    with time_machine.travel(signed_at - 3_600, tick=False):
        assert both.ours.auth_id(token) == "who"


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["who"], {"who": 1}, {}])
def test_what_is_no_text_is_nobody(value: Any) -> None:
    assert both.read(both.sign(value)) is None


@pytest.mark.parametrize("value", ["", " ", "é", "日本", "a" * 100, "\0\r\n"])
def test_any_text_is_itself(value: str) -> None:
    assert both.read(both.sign(value)) == value


def test_an_endless_token_is_not_even_checked() -> None:
    # By chance, or the serializer would compress it.
    characters = random.Random(1).choices(string.ascii_letters, k=TOKEN_MAX_CHARACTERS)
    token = both.sign("".join(characters))
    assert both.ours.auth_id(token) is None, "we made none so long"


changes: list[Callable[[str, int, str], str]] = [
    lambda token, at, put: token[:at],
    lambda token, at, put: token[at:],
    lambda token, at, put: token[:at] + put + token[at + len(put) :],
    lambda token, at, put: token[:at] + put + token[at:],
    lambda token, at, put: token[:at].swapcase() + token[at:],
    lambda token, at, put: ".".join(reversed(token.split("."))),
]


def any_text(most: int) -> st.SearchStrategy[str]:
    """What can be read out of a header: no lone surrogates."""
    return st.text(st.characters(codec="utf-8"), max_size=most)


@fixed
@given(st.sampled_from(changes), st.integers(0, 120), any_text(3))
@example(changes[3], 1000, "=")
@example(changes[3], 1000, " ")
def test_a_cookie_that_was_changed_is_read_alike(
    change: Callable[[str, int, str], str], at: int, put: str
) -> None:
    token = both.sign("a token of some length, as ours are")
    # The last character of Base64 has bits that mean nothing, so a change there is none.
    assert both.read(change(token, at, put)) in (None, "a token of some length, as ours are")


@fixed
@given(any_text(80) | st.text("abcAZ019_-.=", max_size=120))
def test_a_made_up_cookie_is_nobody(token: str) -> None:
    assert both.read(token) is None


@fixed
@given(st.none() | st.booleans() | st.integers() | any_text(20) | st.lists(any_text(5), max_size=2))
def test_whatever_is_signed_is_read_alike(value: Any) -> None:
    assert both.read(both.sign(value)) == (value if isinstance(value, str) else None)
