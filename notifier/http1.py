"""HTTP/1.1 for the gateway: one request in, one short answer or the head of a stream out.

No I/O may come in here: bytes are fed, a `Wanted` or an `Answer` comes out. httptools (Node's
parser) reads the syntax; this module says what is acceptable and keeps every size bounded. A
connection serves one request: a stream never ends before its connection does, and whatever else
the gateway answers is rare.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

import httptools

# As the web door has it (h11's limit there): all of the request line and the headers.
HEAD_MAX_BYTES = 32 * 1024
HEADERS_MOST = 100
METHODS = "GET, HEAD, OPTIONS"
TEXT = "text/plain; charset=utf-8"


@dataclass(slots=True)
class Wanted:
    """A request that is well-formed: what is wanted and what it brought."""

    method: str
    path: str
    query: str
    cookie: str
    origin: str
    last_event_id: str | None
    authorization: str
    forwarded: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A short answer, after which the connection ends."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = TEXT


class RequestReader:
    """Reads the head of one request. `wanted` is set once it is complete."""

    __slots__ = (
        "_authorization",
        "_cookies",
        "_fed",
        "_forwarded",
        "_has_body",
        "_headers",
        "_hosts",
        "_last_event_id",
        "_origin",
        "_parser",
        "_url",
        "wanted",
    )

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._fed = 0
        self._headers = 0
        self._hosts = 0
        self._url = b""
        self._cookies: list[bytes] = []
        self._origin = b""
        self._last_event_id: bytes | None = None
        self._authorization = b""
        self._forwarded = b""
        self._has_body = False
        self.wanted: Wanted | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it was fed anything."""
        return self._fed > 0

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes from the connection; an answer if they cannot be accepted.

        Bytes after the head (a body, a pipelined request) are not kept.
        """
        parser = self._parser
        if parser is None:
            return None
        # Exactly as much as a head may have, so that the outcome is the same however the bytes
        # were cut on their way.
        head = data[: HEAD_MAX_BYTES - self._fed]
        self._fed += len(data)
        refused = self._feed(parser, head)
        if refused is None and self.wanted is None and self._fed > HEAD_MAX_BYTES:
            refused = TOO_LARGE
        if refused is not None or self.wanted is not None:
            self.close()
        return refused

    def close(self) -> None:
        """Let go of the parser. It knows this object too, so without this the pair would wait
        for the collector of cycles."""
        self._parser = None

    def _feed(self, parser: httptools.HttpRequestParser, data: bytes) -> Answer | None:
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # It asks for another protocol besides; the answer is a plain one, as HTTP allows.
            return None
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            return cause.answer if isinstance(cause, _Refused) else BAD_REQUEST
        except httptools.HttpParserError:
            # Garbage after a complete head is nobody's request: nothing reads it.
            return None if self.wanted is not None else BAD_REQUEST
        return None

    # -- what httptools calls --------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        if self.wanted is None:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.wanted is not None:
            return
        self._headers += 1
        if self._headers > HEADERS_MOST:
            raise _Refused(TOO_LARGE)
        lower = name.lower()
        if lower == b"cookie":
            self._cookies.append(value)
        elif lower == b"last-event-id":
            self._last_event_id = value
        elif lower == b"origin":
            self._origin = value
        elif lower == b"host":
            self._hosts += 1
        elif lower == b"authorization":
            self._authorization = value
        elif lower == b"x-forwarded-for":
            self._forwarded = self._forwarded + b"," + value if self._forwarded else value
        elif lower == b"transfer-encoding" or (lower == b"content-length" and value != b"0"):
            self._has_body = True

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self.wanted is not None or parser is None:
            return
        version = parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise _Refused(Answer(505, "Only HTTP/1.1 is spoken here.\n"))
        # RFC 9112, section 3.2: a request of HTTP/1.1 has exactly one Host.
        if self._hosts > 1 or (not self._hosts and version == "1.1"):
            raise _Refused(BAD_REQUEST)
        if self._has_body:
            raise _Refused(Answer(413, "No body is expected here.\n"))
        path, query = _split(self._url)
        last_event_id = self._last_event_id
        self.wanted = Wanted(
            parser.get_method().decode("ascii", "replace"),
            path,
            query,
            b"; ".join(self._cookies).decode("latin-1"),
            self._origin.decode("latin-1"),
            None if last_event_id is None else last_event_id.decode("latin-1"),
            self._authorization.decode("latin-1"),
            self._forwarded.decode("latin-1"),
        )


class _Refused(Exception):
    """Leaves a callback of the parser with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


BAD_REQUEST = Answer(400, "That is no request that can be understood.\n")
TOO_LARGE = Answer(431, "The headers of the request are too large.\n")
TOO_SLOW = Answer(408, "The request took too long to arrive.\n")


def _split(url: bytes) -> tuple[str, str]:
    """Path and query of a request target, absolute ones (`http://host/path`) too."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path.decode("ascii", "replace"), query.decode("latin-1")
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise _Refused(BAD_REQUEST) from None
    return (
        (parsed.path or b"/").decode("ascii", "replace"),
        (parsed.query or b"").decode("latin-1"),
    )


def query_value(query: str, name: str) -> str | None:
    """The first value of `name` in a query string."""
    # The name is ASCII and plain, so a query without it cannot hold it in another writing
    # that any client of ours uses.
    if name not in query:
        return None
    try:
        values = parse_qs(query, keep_blank_values=True, max_num_fields=HEADERS_MOST)
    except ValueError:
        return None
    return values.get(name, [None])[0]


def cookie_value(cookies: str, name: str) -> str | None:
    """The first value of the cookie `name` in a `Cookie` header."""
    for pair in cookies.split(";"):
        key, _, value = pair.strip().partition("=")
        if key.strip() == name:
            value = value.strip()
            return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return None


def head(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """A status line and headers, which must be free of line ends."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
