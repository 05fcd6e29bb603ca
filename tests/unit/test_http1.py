"""The gateway's HTTP: whatever bytes come, however they are cut, one outcome and never an error."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_cookie

from notifier.http1 import (
    HEAD_MAX_BYTES,
    HEADERS_MOST,
    Answer,
    RequestReader,
    Wanted,
    cookie_value,
    head,
    query_value,
)

HOST = b"Host: notifier.example\r\n"
fixed = settings(derandomize=True, deadline=None, max_examples=100)

# Pieces of requests, right and wrong, so that what is put together is often nearly a request.
PIECES = [
    b"GET ", b"HEAD ", b"POST ", b"get ", b"/stream", b"/stream?last_event_id=7", b"http://a/b?c",
    b"*", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b"\r\n", b"\n", b"\r", b" ", b"\t", b":",
    b"Host: a\r\n", b"host:b\r\n", b"Cookie: notifier=x\r\n", b"Last-Event-ID: 5\r\n",
    b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"Origin: null\r\n", b"X: \0\r\n",
    b"\x16\x03\x01\x00\xc8\x01", b"\xff\xfe", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"#", b"%00",
    b"0\r\n\r\n", b"3\r\nabc\r\n", b"\r\n\r\n",
]  # fmt: skip
nearly_requests = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=20).map(
    b"".join
)


def read(*pieces: bytes) -> Answer | Wanted | None:
    """What comes of these bytes: a refusal, a request, or a head that is not complete."""
    reader = RequestReader()
    for piece in pieces:
        refused = reader.feed(piece)
        if refused is not None:
            return refused
        if reader.wanted is not None:
            return reader.wanted
    return None


def wanted(*pieces: bytes) -> Wanted:
    found = read(*pieces)
    assert isinstance(found, Wanted), found
    return found


def status(*pieces: bytes) -> int:
    found = read(*pieces)
    assert isinstance(found, Answer), found
    return found.status


def get(target: bytes = b"/stream", headers: bytes = HOST, version: bytes = b"1.1") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + headers + b"\r\n"


def test_a_request_is_read_with_all_that_it_brought() -> None:
    found = wanted(
        get(
            b"/stream?last_event_id=4",
            HOST + b"Cookie: a=b\r\nLAST-EVENT-ID: 9\r\nOrigin: http://here\r\n"
            b"Authorization: Bearer t\r\nX-Forwarded-For: 1.1.1.1\r\n"
            b"Cookie: c=d\r\nX-Forwarded-For: 2.2.2.2\r\n",
        )
    )
    assert found == Wanted(
        "GET", "/stream", "last_event_id=4", "a=b; c=d", "http://here", "9", "Bearer t",
        "1.1.1.1,2.2.2.2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/stream?", "/stream", ""),
        (b"/stream?a?b", "/stream", "a?b"),
        (b"http://notifier.example/stream?a=b", "/stream", "a=b"),
        (b"http://notifier.example", "/", ""),
        (b"/stream#part", "/stream", ""),
        (b"//stream", "//stream", ""),
    ],
)
def test_a_target_is_split_into_path_and_query(target: bytes, path: str, query: str) -> None:
    found = wanted(get(target))
    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (get(headers=b""), 400),
        (get(headers=HOST + HOST), 400),
        (get(headers=HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n"), 400),
        (get(headers=HOST + b"Content-Length: -1\r\n"), 400),
        (get(headers=HOST + b"Content-Length: 5\r\n"), 413),
        (get(headers=HOST + b"Transfer-Encoding: chunked\r\n"), 413),
        (get(headers=HOST + b"X: " + b"a" * HEAD_MAX_BYTES + b"\r\n"), 431),
        (get(target=b"/" + b"a" * HEAD_MAX_BYTES), 431),
        (get(headers=HOST + b"X: a\r\n" * HEADERS_MOST), 431),
        (get(headers=HOST + b"X: a\0b\r\n"), 400),
        (get(headers=HOST + b" folded\r\n"), 400),
        (get(headers=b"Host : a\r\n"), 400),
        (get(version=b"2.0"), 505),
        (b"\x16\x03\x01\x00\xc8\x01\x00\x00", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\0" * 100, 400),
    ],
)
def test_what_is_no_request_of_ours_has_its_status(request_bytes: bytes, expected: int) -> None:
    assert status(request_bytes) == expected
    one_by_one = [request_bytes[n : n + 1] for n in range(len(request_bytes))]
    assert status(*one_by_one) == expected


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_only_http_1_1_needs_a_host(version: bytes) -> None:
    found = read(get(headers=b"", version=version))
    assert isinstance(found, Answer) is (version == b"1.1")


def test_exactly_as_much_as_allowed_is_read() -> None:
    assert wanted(get(headers=HOST + b"X: a\r\n" * (HEADERS_MOST - 1)))
    largest = HOST + b"X: " + b"a" * (HEAD_MAX_BYTES - 100) + b"\r\n"
    assert wanted(get(headers=largest))


def test_a_head_without_end_is_refused_and_not_kept() -> None:
    reader = RequestReader()
    fed, refused = 0, None
    while refused is None:
        piece = b"GET /" if not fed else b"a" * 1000
        refused = reader.feed(piece)
        fed += len(piece)
        assert fed <= HEAD_MAX_BYTES + 2000, "still not refused"
    assert refused.status == 431
    assert reader.feed(b"more") is None, "and then it reads no more"


def test_what_follows_a_request_is_nobodys() -> None:
    first, second = get(b"/first"), get(b"/second")
    assert wanted(first + second).path == "/first"
    assert wanted(first + b"\0garbage").path == "/first"
    reader = RequestReader()
    assert reader.feed(first) is None
    assert reader.feed(second) is None
    assert reader.wanted is not None and reader.wanted.path == "/first"


def test_a_closed_reader_reads_nothing() -> None:
    reader = RequestReader()
    reader.feed(b"GET /stream")
    reader.close()
    assert reader.feed(b" HTTP/1.1\r\n\r\n") is None and reader.wanted is None


@fixed
@given(nearly_requests, st.lists(st.integers(0, 300), max_size=8))
@example(get() + b"\0", [len(get())])
def test_however_bytes_are_cut_the_outcome_is_the_same(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    one_by_one = [data[n : n + 1] for n in range(len(data))]
    assert read(data) == read(*pieces) == read(*one_by_one)


@fixed
@given(st.binary(max_size=400))
def test_garbage_is_refused_or_unfinished(data: bytes) -> None:
    found = read(data)
    assert found is None or isinstance(found, Wanted) or 400 <= found.status < 600


def test_heads_are_as_clients_read_them() -> None:
    lines = head(431, (("Content-Length", "0"), ("X", "é"))).split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert lines[1:] == [b"Content-Length: 0", b"X: \xe9", b"", b""]


names = st.sampled_from(["last_event_id", "other", "", "last_event_id_", "Last_Event_Id"])
values = st.text("0123456789-+ %&=;a\xff\0", max_size=8)


@fixed
@given(st.lists(st.tuples(names, values), max_size=6))
def test_a_query_is_read_as_urllib_reads_it(pairs: list[tuple[str, str]]) -> None:
    query = urlencode(pairs)
    expected = parse_qs(query, keep_blank_values=True).get("last_event_id", [None])[0]
    assert query_value(query, "last_event_id") == expected


@fixed
@given(st.text("last_event_id=0123456789&;%+\xff", max_size=60))
def test_no_query_makes_an_error(query: str) -> None:
    expected = parse_qs(query, keep_blank_values=True).get("last_event_id", [None])[0]
    # A name in percent-writing is not searched for: nothing that comes here writes it so.
    assert query_value(query, "last_event_id") in (expected, None)


def test_a_query_of_a_hundred_thousand_fields_costs_nothing_and_says_nothing() -> None:
    assert query_value("&" * 100_000 + "last_event_id=5", "last_event_id") is None


token_characters = "abcXYZ019_-."


@fixed
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["notifier", "notifier_session", "other", "Notifier", ""]),
            st.text(token_characters, max_size=12),
            st.sampled_from(["{}={}", " {}={} ", "{} = {}", '{}="{}"', "{}{}"]),
        ),
        max_size=6,
    )
)
def test_a_cookie_is_read_as_the_web_door_reads_it(parts: list[tuple[str, str, str]]) -> None:
    cookies = ";".join(pattern.format(name, value) for name, value, pattern in parts)
    assert cookie_value(cookies, "notifier") == parse_cookie(cookies).get("notifier")


@fixed
@given(st.text('notifier=;"\\ ,\t\xff\0é日', max_size=60))
def test_no_cookie_header_makes_an_error(cookies: str) -> None:
    value = cookie_value(cookies, "notifier")
    assert value is None or (";" not in value and value in cookies)
