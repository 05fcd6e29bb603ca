"""Static files, and Bootstrap's from its package, at addresses that change with their content.

The version stands in the path and not in a query: ES modules import each other by relative paths,
so a query on the first would be lost on the second, and a reader could get half of each release.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from quart import Blueprint, Response, send_from_directory

from notifier.paths import BOOTSTRAP, STATIC
from notifier.web.sign_in import public
from notifier.web.site import site

blueprint = Blueprint("assets", __name__)

# A year, the longest that HTTP caches honour: such an address never changes its content.
FOR_GOOD = f"public, max-age={365 * 24 * 3600}, immutable"
# Bootstrap stands beside our own files under this name.
BOOTSTRAP_FOLDER = "bootstrap/"
VERSION_DIGITS = 12


def content_version() -> str:
    """One hash over every file that a page can ask for."""
    digest = hashlib.blake2b(digest_size=16)
    for root in (STATIC, BOOTSTRAP / "css"):
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix in {".css", ".js", ".svg", ".png"}:
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:VERSION_DIGITS]


def address(name: str) -> str:
    """Where a page finds the static file `name`."""
    if site().settings.development:
        # Whoever edits a file wants to see it without a restart.
        return f"/static/{name}"
    return f"/static/v-{site().assets_version}/{name}"


@cache
def modules() -> list[str]:
    """The names of all our ES modules."""
    return sorted(path.relative_to(STATIC).as_posix() for path in (STATIC / "js").rglob("*.js"))


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
    folder: Path = STATIC
    if name.startswith(BOOTSTRAP_FOLDER):
        folder, name = BOOTSTRAP, name.removeprefix(BOOTSTRAP_FOLDER)
    return await send_from_directory(folder, name)
