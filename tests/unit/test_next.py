"""`?next=` leads to a page of ours or to `/`, whatever a browser makes of it."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.web.sign_in import safe_next

OURS = "https://notifier.example/login"


@pytest.mark.parametrize("target", ["/", "/messages?page=2", "/user/harry", "/user/h%C3%A9"])
def test_our_own_paths_stay(target: str) -> None:
    assert safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None, "", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "https:evil.example", "https://evil.example", "javascript:alert(1)", "evil.example",
        "/%2fevil.example", "/%2f%2fevil.example", "/%5cevil.example", "/\t/evil.example",
        "/\n/evil.example", "/%09/evil.example", "/%0d%0aSet-Cookie: a=b", " /messages", "/\0",
    ],
)  # fmt: skip
def test_everything_else_is_the_common_page(target: str | None) -> None:
    assert safe_next(target) == "/"


@given(st.text("/\\.:%25fFcC09aAdD \t\r\nevil@#?", max_size=12))
def test_no_text_leads_away(target: str) -> None:
    # As browsers read it: backslashes are slashes, tabs and line ends are not there.
    read = safe_next(target).replace("\\", "/")
    for dropped in "\t\r\n":
        read = read.replace(dropped, "")
    assert urlsplit(urljoin(OURS, read)).netloc == "notifier.example"
