"""Pages: what every one of them is given, and how times and people are shown.

A page of a signed-in person carries its cursor and its unread count; both come from the transaction
that read its content, so that whatever commits after it still arrives by the stream.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from functools import lru_cache
from typing import Any

import orjson
from babel.dates import TIMEDELTA_UNITS, format_date, format_time, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup
from quart import Quart, Response, current_app
from quart.templating import Environment
from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import centre, choices, messages, notifications
from notifier.avatar import avatar
from notifier.languages import (
    _,
    catalogue,
    direction,
    for_scripts,
    language,
    languages,
    shown,
)
from notifier.signed_in import SignedIn
from notifier.web import assets
from notifier.web.links import linked
from notifier.web.sign_in import visitor
from notifier.web.site import site

MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Up to where a page shows a person's state: its cursor, and the unread count at it."""

    cursor: int
    unread: int


async def standing(connection: AsyncConnection, person_id: int) -> Standing:
    """The standing in the snapshot of the caller's transaction."""
    return Standing(
        cursor=await notifications.last_sequence(connection, person_id),
        unread=await messages.unread_count(connection, person_id),
    )


class Templates(Environment):
    """Quart's, but for templates that wait for nothing: they are given all that they show. Asked
    at each call whether it has to wait, a page of fifty messages takes half as long again."""

    def __init__(self, app: Quart, **options: Any) -> None:
        super().__init__(app, **options)
        self.is_async = False


async def fragment(template: str, **content: object) -> Response:
    """A piece of a page, for a script that puts it into one."""
    me = await visitor().find()
    return Response(await _rendered(template, {**content, "me": me}))


async def page(
    template: str, at: Standing | None = None, *, status_code: int = 200, **content: object
) -> Response:
    """The page that `template` makes; `at` when its content was read in a transaction."""
    me = await visitor().find()
    if me is not None and at is None:
        async with site().engine.database.read() as connection:
            at = await standing(connection, me.person_id)
    markup = await _rendered(
        template,
        {
            **content,
            "me": me,
            "bell": None if me is None else await _bell(me),
            "standing": at,
            "stream_url": stream_address(),
            "heartbeat_seconds": f"{site().settings.heartbeat_seconds:g}",
        },
    )
    return Response(markup, status_code)


async def _bell(me: SignedIn) -> tuple[centre.Unseen, str]:
    """What the bell of this page counts, and how its person wants to be told, as JSON."""
    async with site().engine.database.read() as connection:
        now = await centre.unseen(connection, me.person_id)
        chosen = await choices.of(connection, me.person_id)
    return now, orjson.dumps(chosen.for_pages()).decode()


async def _rendered(template: str, content: dict[str, Any]) -> str:
    await current_app.update_template_context(content)
    return current_app.jinja_env.get_template(template).render(content)


def see_other(path: str) -> Response:
    """After a POST: the browser gets `path`, and reloading it sends nothing again."""
    return Response(b"", 303, {"Location": path})


def stream_address() -> str:
    """Where pages open their stream."""
    elsewhere = site().settings.stream_url
    return f"{elsewhere.removesuffix('/stream')}/stream"


def time_ago(seconds: float) -> str:
    """As people say it: "3 minutes ago"."""
    passed = int(time.time() - seconds)
    if passed < MINUTE_SECONDS:
        return _("just now")
    # Whole units that have passed, as the script counts them: Babel alone would round up.
    unit = next(size for _unit, size in TIMEDELTA_UNITS if passed >= size)
    return _in_words(passed - passed % unit, language())


@lru_cache(maxsize=1024)
def _in_words(passed: int, locale: str) -> str:
    return format_timedelta(-passed, threshold=1, add_direction=True, locale=locale)


def iso_time(seconds: float) -> str:
    """For machines, and for the script that knows the reader's zone."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def exact_time(seconds: float) -> str:
    """The exact time for readers without the script, whose zone we do not know."""
    moment = datetime.fromtimestamp(seconds, UTC)
    hour = moment.time().replace(second=0, microsecond=0)
    return f"{_day(moment.date(), language())}, {_hour(hour, language())} UTC"


# What one person looks at was written on a few days; a day has this many minutes.
@lru_cache(maxsize=1024)
def _day(day: date, locale: str) -> str:
    return format_date(day, "long", locale)


@lru_cache(maxsize=2 * 24 * 60)
def _hour(hour: time_of_day, locale: str) -> str:
    return format_time(hour, "HH:mm", locale=locale)


def number(value: float) -> str:
    """With the separators of the language."""
    return str(format_decimal(value, locale=language()))


def install_templates(app: Quart) -> None:
    """Filters and functions that the templates use."""
    app.jinja_environment = Templates
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=_,
        ngettext=lambda one, many, count: catalogue(language()).counted(one, many, count),
        newstyle=True,
    )
    app.jinja_env.globals.update(
        asset=assets.address,
        modules=assets.modules,
        language=language,
        languages=languages,
        direction=direction,
        texts_for_scripts=lambda: Markup(for_scripts().replace("<", "\\u003c")),  # noqa: S704
    )
    app.jinja_env.filters.update(
        avatar=avatar,
        linked=linked,
        time_ago=time_ago,
        iso_time=iso_time,
        exact_time=exact_time,
        number=number,
        shown=shown,
    )
