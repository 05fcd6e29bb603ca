"""Requests read strictly: what is no UTF-8, too large or of another kind is refused, not guessed.

Quart by itself turns undecodable bytes into replacement characters, and a form that it cannot
read into an empty one; both would store or answer something that nobody sent.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from quart import Request, request
from quart.formparser import FormDataParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from notifier.errors import BadRequest
from notifier.languages import Sentence
from notifier.web.site import site

FORM = "application/x-www-form-urlencoded"
# More fields than any form of ours has, with room for what extensions of browsers add.
FIELDS_MOST = 50
ADDRESS = Sentence("address")


class StrictForm(FormDataParser):
    """Reads URL-encoded forms only: there are no uploads, so nothing else is ever needed."""

    async def parse(
        self,
        body: Any,
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[MultiDict[str, str], MultiDict[str, Any]]:
        data: bytes = await body
        if not data:
            return MultiDict(), MultiDict()
        if mimetype != FORM or (options or {}).get("charset", "utf-8").lower() != "utf-8":
            raise UnsupportedMediaType()
        try:
            text = data.decode()
            fields = text.count("&") + 1
            if fields > FIELDS_MOST:
                raise RequestEntityTooLarge()
            return MultiDict(parse_qsl(text, keep_blank_values=True, errors="strict")), MultiDict()
        except UnicodeDecodeError:
            raise BadRequest("This form is not in UTF-8.") from None


class StrictRequest(Request):
    form_data_parser_class = StrictForm

    @property
    def is_secure(self) -> bool:
        """As people see it: behind a proxy that ends TLS the connection to us is plain http."""
        return site().settings.https or super().is_secure


async def refuse_what_is_no_text() -> None:
    """Path, query and cookies must be UTF-8 without NUL, whatever would look at them later."""
    raw_path: bytes = request.scope.get("raw_path", b"")
    cookies = "; ".join(request.headers.getlist("Cookie")).encode("latin-1", "replace")
    together = b"%s %s %s" % (raw_path, request.query_string, cookies)
    if not together.isascii() or b"%" in together or b"\0" in together:
        _look_closely(raw_path, cookies)
    most = request.max_content_length
    if most is not None and (request.content_length or 0) > most:
        # Said before anybody reads it, also where no view would.
        raise RequestEntityTooLarge()


def _look_closely(raw_path: bytes, cookies: bytes) -> None:
    for what, raw in (
        (ADDRESS, unquote_to_bytes(raw_path)),
        (ADDRESS, unquote_to_bytes(request.query_string)),
        (Sentence("cookie"), cookies),
    ):
        try:
            raw.decode()
        except UnicodeDecodeError:
            raise BadRequest("The %(what)s of this request is not in UTF-8.", what=what) from None
        if b"\0" in raw:
            raise BadRequest("The %(what)s of this request holds a NUL.", what=what)
