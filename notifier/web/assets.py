"""Static files, and what we use of Bootstrap, at addresses that change with their content.

The version stands in the path and not in a query: ES modules import each other by relative paths,
so a query on the first would be lost on the second, and a reader could get half of each release.

Text goes out compressed, and nothing but these files does. Pages do not: each holds private words
beside words that somebody else chose, and the length of what is compressed tells of both (BREACH).
They are some kilobytes. Nor do streams, which must leave byte by byte.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from functools import cache, lru_cache
from pathlib import Path

from quart import Blueprint, Response, request, send_from_directory

from notifier.paths import STATIC
from notifier.web.bootstrap import used_part
from notifier.web.sign_in import public
from notifier.web.site import site

blueprint = Blueprint("assets", __name__)

# A year, the longest that HTTP caches honour: such an address never changes its content.
FOR_GOOD = f"public, max-age={365 * 24 * 3600}, immutable"
# Bootstrap stands beside our own files under this name.
BOOTSTRAP = "css/bootstrap.css"
VERSION_DIGITS = 12
# PNGs are compressed already.
TEXTS = {".css", ".js", ".svg"}
# A file shows nothing and runs nothing by itself. The pages' own policy says what they may do with
# it, and would be a fifth of the bytes of most files.
FILE_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
# What a module needs before it can run; what it fetches later is `import(…)`.
IMPORTS = re.compile(r'^(?:import|\}) .*?from "(\.[^"]+)";$', re.MULTILINE)


def content_version() -> str:
    """One hash over every file that a page can ask for."""
    digest = hashlib.blake2b(used_part().encode(), digest_size=16)
    for path in sorted(STATIC.rglob("*")):
        if path.is_file() and path.suffix in {".css", ".js", ".svg", ".png"}:
            digest.update(str(path.relative_to(STATIC)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:VERSION_DIGITS]


def address(name: str) -> str:
    """Where a page finds the static file `name`."""
    if site().settings.development:
        # Whoever edits a file wants to see it without a restart.
        return f"/static/{name}"
    return f"/static/v-{site().assets_version}/{name}"


@cache
def modules(entries: str) -> list[str]:
    """The names of these ES modules (with spaces between them) and of all that they import."""
    found: dict[str, None] = {}

    def visit(path: Path) -> None:
        name = path.relative_to(STATIC).as_posix()
        if name in found:
            return
        for imported in IMPORTS.findall(path.read_text()):
            visit((path.parent / imported).resolve())
        found[name] = None

    for entry in entries.split():
        visit((STATIC / entry).resolve())
    return list(found)


@blueprint.get("/static/v-<version>/<path:name>")
@public
async def versioned(version: str, name: str) -> Response:
    response = await _file(name)
    # A page of the release before (or after) this one gets what there is, but does not keep it.
    fresh = version == site().assets_version
    response.headers["Cache-Control"] = FOR_GOOD if fresh else "no-cache"
    return response


@blueprint.get("/static/<path:name>")
@public
async def unversioned(name: str) -> Response:
    response = await _file(name)
    response.headers["Cache-Control"] = "no-cache"
    return response


async def _file(name: str) -> Response:
    if name == BOOTSTRAP:
        content = used_part().encode()
        response = Response(content, mimetype="text/css")
        await response.add_etag()
        await response.make_conditional(request)
    else:
        # This refuses what lies outside the folder, so the file is read only after it.
        response = await send_from_directory(STATIC, name)
        # Quart's twelve hours, against what Cache-Control says.
        response.headers.pop("Expires", None)
        if Path(name).suffix in TEXTS:
            content = await asyncio.to_thread((STATIC / name).read_bytes)
    response.headers["Content-Security-Policy"] = FILE_POLICY
    if Path(name).suffix in TEXTS:
        response.headers["Vary"] = "Accept-Encoding"
        etag, _ = response.get_etag()
        # The same content in two encodings: weakly the same.
        response.set_etag(etag or "", weak=True)
        if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
            response.set_data(compressed(content))
            response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=256)
def compressed(content: bytes) -> bytes:
    """A file's content as it goes out, made once."""
    return gzip.compress(content, mtime=0)
