"""The web app's rooms: one blueprint for each resource, and what they all stand on.

A view parses, checks, calls and renders; what it calls knows nothing of HTTP.
"""

from __future__ import annotations

from quart import Quart

from notifier.cookies import cookie_name
from notifier.engine import Engine
from notifier.exporter import Exporter
from notifier.passwords import Passwords
from notifier.settings import Settings
from notifier.web import (
    account_data,
    accounts,
    assets,
    centre,
    choices,
    conversations,
    devices,
    diagnostics,
    health,
    languages,
    messages,
    moderation,
    notifications,
    posts,
    presence,
    profiles,
    push,
    safety,
    search,
    stream,
)
from notifier.web import settings as settings_page
from notifier.web.asgi import Exchange
from notifier.web.errors import install_errors
from notifier.web.headers import adds_headers
from notifier.web.limits import Limits
from notifier.web.origin import refuse_other_origins
from notifier.web.rendering import install_templates
from notifier.web.requests import StrictRequest, refuse_what_is_no_text
from notifier.web.sessions import Sessions
from notifier.web.sign_in import install_cookie
from notifier.web.site import EXTENSION, Site

BLUEPRINTS = (
    account_data,
    accounts,
    assets,
    centre,
    choices,
    conversations,
    devices,
    diagnostics,
    health,
    languages,
    messages,
    moderation,
    notifications,
    posts,
    presence,
    profiles,
    push,
    safety,
    search,
    settings_page,
    stream,
)


def install(
    app: Quart, settings: Settings, engine: Engine, passwords: Passwords, exporter: Exporter
) -> None:
    """Everything of the web on `app`, which keeps the life of what it hands over."""
    app.extensions[EXTENSION] = Site(
        settings, engine, passwords, exporter, Limits(settings), assets.content_version()
    )
    app.request_class = StrictRequest
    app.asgi_http_class = Exchange
    app.session_interface = Sessions()
    app.config.update(
        SESSION_COOKIE_NAME=cookie_name(settings, "notifier_session"),
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    install_templates(app)
    install_errors(app)
    install_cookie(app, settings)
    app.before_request(languages.speak_theirs)
    app.before_request(refuse_what_is_no_text)
    app.before_request(refuse_other_origins)
    app.after_request(adds_headers(settings, engine))
    for room in BLUEPRINTS:
        app.register_blueprint(room.blueprint)
