"""The names that the notification centre knows: how each is told in a line, and where it leads.

One place for all of them. A name that is not here is shown too, as what its payload says of itself
(`{"title", "text", "link"}`, each of them optional); a program that wants more adds a row.
It must never trust a payload: programs write them, and what is deleted leaves a hole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from notifier.languages import Sentence, _

MESSAGE = "message"
UNSEEN_COUNT = "unseen_notification_count"
# Anything that has no row of its own; no name can be this.
ANYTHING_ELSE = "*"
# Below the bell there is room for a sentence or two.
TEXT_MAX_CHARACTERS = 200
LINK_MAX_CHARACTERS = 500

# State that pages keep, and no news to anybody.
UNLISTED = frozenset(
    {
        "message_sent",
        "quiet_message",
        "message_deleted",
        "conversation_read",
        "unread_message_count",
        UNSEEN_COUNT,
    }
)


class Line(NamedTuple):
    """A notification as people read it. `link` is a path of ours, or ""."""

    title: str
    text: str
    link: str
    person: str = ""


class Name(NamedTuple):
    """A name that the notification centre knows. `icon` is one of `templates/_icons.html`."""

    name: str
    label: Sentence
    icon: str
    line: Callable[[Any], Line]


def _message(payload: Any) -> Line:
    sender, body = _text(payload, "from"), _text(payload, "body")
    if not sender:
        return Line(_("A message that was deleted"), "", "")
    return Line(
        _("Message from %(sender)s", sender=sender), body, f"/conversations/{sender}", sender
    )


def _announcement(payload: Any) -> Line:
    title = _text(payload, "title") or _("Announcement")
    return Line(title, _text(payload, "text"), _link(payload))


def _warning(payload: Any) -> Line:
    return Line(_("A warning from the moderators"), _text(payload, "text"), "")


def _export_progress(payload: Any) -> Line:
    percent = payload.get("percent") if isinstance(payload, dict) else None
    if not isinstance(percent, int | float) or isinstance(percent, bool):
        return Line(_("Your export"), _text(payload, "text"), _link(payload))
    if percent >= 100:
        return Line(_("Your export is ready"), _text(payload, "text"), _link(payload))
    done = f"{max(percent, 0):.0f}"
    return Line(_("Your export is %(percent)s %% done", percent=done), "", _link(payload))


NAMES = {
    one.name: one
    for one in (
        Name(MESSAGE, Sentence("Messages"), "message", _message),
        Name("announcement", Sentence("Announcements"), "announcement", _announcement),
        Name("export_progress", Sentence("Exports"), "progress", _export_progress),
        Name("warning", Sentence("Warnings"), "announcement", _warning),
    )
}


def known(name: str) -> Name:
    """The row of `name`, or one made for a name that has none."""
    found = NAMES.get(name)
    if found is not None:
        return found
    return Name(name, Sentence("Anything else"), "other", lambda payload: _other(name, payload))


def _other(name: str, payload: Any) -> Line:
    title = _text(payload, "title") or name.replace("_", " ").replace("-", " ").capitalize()
    text = payload if isinstance(payload, str) else _text(payload, "text")
    return Line(title, text[:TEXT_MAX_CHARACTERS], _link(payload))


def _text(payload: Any, field: str) -> str:
    value = payload.get(field) if isinstance(payload, dict) else None
    return value[:TEXT_MAX_CHARACTERS] if isinstance(value, str) else ""


def _link(payload: Any) -> str:
    """A path of this site, or "": a notification never leads elsewhere."""
    link = payload.get("link") if isinstance(payload, dict) else None
    if not isinstance(link, str) or len(link) > LINK_MAX_CHARACTERS or not link.isprintable():
        return ""
    ours = link.startswith("/") and link[1:2] not in {"/", "\\"} and "\\" not in link
    return link if ours else ""
