"""The forms. What may stand in a field is decided where it is stored; a form only asks there.

So a form, a JSON client and a script are told the same, and every field's fault is shown at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from quart import request
from wtforms import (  # type: ignore[import-untyped]
    BooleanField,
    EmailField,
    Field,
    Form,
    PasswordField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import StopValidation  # type: ignore[import-untyped]

from notifier import accounts, texts
from notifier.errors import Refused
from notifier.languages import Sentence, shown
from notifier.messages import MESSAGE_MAX_CHARACTERS
from notifier.posts import POST_MAX_CHARACTERS
from notifier.reports import REASON_MAX_CHARACTERS

NAME_ATTRIBUTES = {
    "autocomplete": "username",
    "autocapitalize": "none",
    "spellcheck": "false",
    "required": True,
}


def obeys(check: Callable[[str], str]) -> Callable[[Form, Field], None]:
    """A validator from a function that raises `Refused`."""

    def validate(_form: Form, field: Field) -> None:
        try:
            check(field.data or "")
        except Refused as error:
            raise StopValidation(shown(error.message)) from None

    return validate


def says(what: str, field: str, most: int, least: int = 1) -> Callable[[Form, Field], None]:
    """A validator for a text of `least` to `most` characters as people count them."""
    return obeys(lambda text: texts.clean(text, most=most, what=what, field=field, least=least))


def same_as(other: str, otherwise: str) -> Callable[[Form, Field], None]:
    """A validator for what is typed twice."""

    def validate(form: Form, field: Field) -> None:
        if field.data != form[other].data:
            raise StopValidation(shown(otherwise))

    return validate


class NotifierForm(Form):  # type: ignore[misc]
    """A form that is filled from the request and can be told what the database said."""

    @classmethod
    async def submitted(cls) -> Self:
        """What was sent. Raises for what cannot be read: 400, 413 or 415."""
        return cls(await request.form)

    def refuse(self, error: Refused) -> None:
        """Show a refusal at the field that it is about, else above the form."""
        field: Any = self._fields.get(error.field or "")
        if field is None:
            self.form_errors.append(shown(error.message))
        else:
            field.errors = [*field.errors, shown(error.message)]


class RegisterForm(NotifierForm):
    username = StringField(
        Sentence("Username"), [obeys(accounts.check_username)], render_kw=NAME_ATTRIBUTES
    )
    email = EmailField(
        Sentence("E-mail"),
        [obeys(accounts.check_email)],
        render_kw={"autocomplete": "email", "required": True},
    )
    password = PasswordField(
        Sentence("Password"),
        [obeys(accounts.check_password)],
        render_kw={"autocomplete": "new-password", "required": True},
    )
    confirm_password = PasswordField(
        Sentence("The same password again"),
        [same_as("password", Sentence("The two passwords differ."))],
        render_kw={"autocomplete": "new-password", "required": True},
    )


class LoginForm(NotifierForm):
    username = StringField(Sentence("Username"), render_kw=NAME_ATTRIBUTES)
    password = PasswordField(
        Sentence("Password"), render_kw={"autocomplete": "current-password", "required": True}
    )
    remember_me = BooleanField(Sentence("Remember me on this device"))


class PostForm(NotifierForm):
    most = POST_MAX_CHARACTERS
    body = TextAreaField(
        Sentence("Say something to everybody"),
        [says(Sentence("A post"), "body", POST_MAX_CHARACTERS)],
        render_kw={"rows": 2, "required": True, "dir": "auto"},
    )


class MessageForm(NotifierForm):
    most = MESSAGE_MAX_CHARACTERS
    message = TextAreaField(
        Sentence("Message"),
        [says(Sentence("A message"), "message", MESSAGE_MAX_CHARACTERS)],
        render_kw={"rows": 4, "required": True, "dir": "auto"},
    )


class EditProfileForm(NotifierForm):
    most = accounts.ABOUT_ME_MAX_CHARACTERS
    username = StringField(
        Sentence("Username"), [obeys(accounts.check_username)], render_kw=NAME_ATTRIBUTES
    )
    about_me = TextAreaField(
        Sentence("About me"),
        [says(accounts.ABOUT_ME, "about_me", accounts.ABOUT_ME_MAX_CHARACTERS, least=0)],
        render_kw={"rows": 4, "dir": "auto"},
    )


class ChangePasswordForm(NotifierForm):
    old_password = PasswordField(
        Sentence("Your present password"),
        render_kw={"autocomplete": "current-password", "required": True},
    )
    password = PasswordField(
        Sentence("New password"),
        [obeys(accounts.check_password)],
        render_kw={"autocomplete": "new-password", "required": True},
    )
    confirm_password = PasswordField(
        Sentence("The new password again"),
        [same_as("password", Sentence("The two passwords differ."))],
        render_kw={"autocomplete": "new-password", "required": True},
    )


class ReportForm(NotifierForm):
    most = REASON_MAX_CHARACTERS
    reason = TextAreaField(
        Sentence("What is wrong?"),
        [says(Sentence("A report"), "reason", REASON_MAX_CHARACTERS)],
        render_kw={"rows": 3, "required": True, "dir": "auto"},
    )
    texts = SelectMultipleField(validate_choice=False)
    block = BooleanField(Sentence("Block this person as well"))


class DeleteAccountForm(NotifierForm):
    password = PasswordField(
        Sentence("Your password"),
        render_kw={"autocomplete": "current-password", "required": True},
    )
