"""Imports point one way: a module may import only what stands above it in this list."""

from __future__ import annotations

import ast
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "notifier"

# The design's rooms, from what knows nothing to what knows everything. Modules on one line are
# a room together: those further right may import those further left.
ROOMS = """
paths languages errors redis_addresses vapid settings logs
addresses figures kernel_timer pulse events bus_messages lateness sse headers http1
sink states subscriber audience endings
together sqlite_driver models one_of sqlite_trips database schema pages texts avatar
passwords accounts signed_in sign_ins devices cookies
pruning notifications numbering
names centre choices push_addresses pushes safety
posts first_steps messages conversations message_changes search drafts storing sending
discretion presence whereabouts typing_signal
blocking reports belongings exports leaving
bus redis_servers redis_cluster redis_listener redis_publisher
redis_subscriptions redis_watchdog redis_node redis_bus
hub engine seen stream drain health exporter pusher telling
seed
web
gateway_answers gateway_request gateway_arrivals gateway_connection gateway
sockets fork_server processes supervisor exposition
early_answers web_http1
app web_server web_process gateway_process asgi doctor loadtest readings commands cli __main__
"""
ORDER = ROOMS.split()
# A module beyond this is asked which noun wants a room of its own; the design says "about 250".
LINES_MOST = 280
SAYS_NOTHING = {
    "utils",
    "util",
    "helpers",
    "core",
    "manager",
    "handler",
    "service",
    "common",
    "misc",
}


def rooms() -> list[tuple[str, Path]]:
    """Every file of the package with the room it belongs to; `web` and migrations are one each."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if first not in {"__init__", "migrations"}:
            found.append((first, path))
    return found


def imported(path: Path) -> set[str]:
    """The modules that a file imports from; not what only the type checker sees."""
    names = set()
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not _is_for_types(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("notifier.")} - {"__version__"}


def _is_for_types(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def test_every_module_has_its_place() -> None:
    homeless = {room for room, _ in rooms()} - set(ORDER)
    assert not homeless, "give each a place in ROOMS"


def test_imports_point_one_way() -> None:
    wrong = [
        f"{path.relative_to(CHECKOUT)} imports {other}"
        for room, path in rooms()
        for other in imported(path)
        if other != room and ORDER.index(other) > ORDER.index(room)
    ]
    assert wrong == []


def test_the_pure_modules_do_no_io() -> None:
    forbidden = {"asyncio", "socket", "time", "redis", "sqlalchemy", "quart"}
    for room, path in rooms():
        if room in {"subscriber", "sse", "events"}:
            tree = ast.parse(path.read_text())
            names = {
                name.split(".")[0]
                for node in ast.walk(tree)
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            assert not names & forbidden, path


def test_no_module_is_too_large_or_has_a_name_that_says_nothing() -> None:
    for _, path in rooms():
        assert len(path.read_text().splitlines()) <= LINES_MOST, path
        assert path.stem not in SAYS_NOTHING, path
