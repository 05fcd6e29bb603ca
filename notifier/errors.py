"""What can be refused, and what the person or program that is refused is told.

Every message here is meant to be read by a person: it says what is wrong and, where there is
something to be done, what. Nothing here knows about HTTP beyond the number of the status.
"""

from __future__ import annotations

from typing import Any

from notifier.languages import Sentence


class NotifierError(Exception):
    """The base of every error that Notifier raises on purpose; `str(error)` is its sentence."""


class SettingsError(NotifierError):
    """The environment asks for something that cannot be served; the process must not start."""


class SchemaError(SettingsError):
    """The database's tables are not the ones that this code was written for."""


class Refused(NotifierError):
    """A request that is understood and not granted.

    `status` is the HTTP status it is answered with, `field` the form field that is at fault. The
    message is English, with `%(name)s` where a value comes; it is translated where it is shown.
    """

    status = 422

    def __init__(self, message: str, *, field: str | None = None, **values: Any) -> None:
        if not isinstance(message, Sentence):
            message = Sentence(message, **values)
        super().__init__(message)
        self.message: str = message
        self.field = field


class BadRequest(Refused):
    """The request itself is malformed: 400."""

    status = 400


class Forbidden(Refused):
    """Understood, and not allowed: 403."""

    status = 403


class NotFound(Refused):
    """There is no such thing, or it is somebody else's: 404 for both, so that neither is told."""

    status = 404


class Taken(Refused):
    """A username or an e-mail address that another person already has."""


class TooMany(Refused):
    """Too much of it in too short a time: 429. `retry_after` is in seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after: int, **values: Any) -> None:
        super().__init__(message, **values)
        self.retry_after = retry_after


class Unavailable(Refused):
    """The database cannot answer now: 503. `retry_after` is in seconds."""

    status = 503

    def __init__(
        self,
        message: str = Sentence("The site is busy just now. Please try again."),
        *,
        retry_after: int = 2,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
