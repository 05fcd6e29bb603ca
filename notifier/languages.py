"""Sentences in the reader's language: gettext catalogues (`translations/<language>.po`), read as
they are, so that adding a language is one file and `scripts/languages`.

English is the source: what stands in the code is the key, and what is shown where a catalogue has
nothing. A view that shows a sentence now says `_("Saved.")`. What is made before anybody knows who
reads it is a `Sentence`: English as a string, translated by `shown` where it is shown. The classes
of `errors` make one of their message.

It must never know of requests: whoever serves one says `speak(language)`.
"""

from __future__ import annotations

import gettext
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from notifier.paths import TRANSLATIONS

SOURCE = "en"
# Scripts' sentences come into the page; this tells them by where they were found.
SCRIPTS_FOLDER = "static/js/"
# What CLDR's rules for whole numbers tell apart shows below this.
PLURAL_EXAMPLES = 200

_language: ContextVar[str] = ContextVar("language", default=SOURCE)


class Sentence(str):
    """An English sentence that remembers what it was made of, until somebody is there to read it.

    `Sentence("At most %(most)s.", most=140)`, or one of two by number:
    `Sentence.counted("%(num)s minute", "%(num)s minutes", 3)`.
    """

    source: str
    many: str | None
    number: int
    values: dict[str, Any]

    def __new__(cls, source: str, /, **values: Any) -> Sentence:
        return cls._made(source, None, 1, values)

    @classmethod
    def counted(cls, one: str, many: str, number: int, /, **values: Any) -> Sentence:
        return cls._made(one, many, number, {"num": number, **values})

    @classmethod
    def _made(cls, one: str, many: str | None, number: int, values: dict[str, Any]) -> Sentence:
        english = one if many is None or number == 1 else many
        made = super().__new__(cls, english % values if values else english)
        made.source, made.many, made.number, made.values = one, many, number, values
        return made


@dataclass(frozen=True)
class Catalogue:
    """One language: its sentences by (context and) source, and which form a number takes."""

    sentences: dict[str, tuple[str, ...]]
    form: Callable[[int], int]
    scripts: frozenset[str]

    def one(self, source: str) -> str:
        return self.sentences.get(source, (source,))[0]

    def counted(self, one: str, many: str, count: int) -> str:
        forms = self.sentences.get(one)
        if not forms or len(forms) == 1 < self.forms:
            return one if count == 1 else many
        return forms[self.form(count)]

    @property
    def forms(self) -> int:
        return len({self.form(number) for number in range(PLURAL_EXAMPLES)})


@cache
def languages() -> dict[str, str]:
    """Every language there is, by its code, with its own name for itself."""
    from babel import Locale

    codes = [SOURCE, *sorted(path.stem for path in TRANSLATIONS.glob("*.po"))]
    return {code: str(Locale.parse(code).get_display_name(code)) for code in codes}


@cache
def catalogue(code: str) -> Catalogue:
    """What `translations/<code>.po` says; read once, when it is first needed."""
    if code == SOURCE:
        return Catalogue({}, lambda number: int(number != 1), frozenset())
    # Only who shows pages needs Babel; the gateway does not.
    from babel.messages.pofile import read_po

    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        read = read_po(file, locale=code)
    sentences, scripts = {}, set()
    for message in read:
        if not message.id or message.fuzzy:
            continue
        source = message.id if isinstance(message.id, str) else message.id[0]
        found = message.string or ""
        forms = (found,) if isinstance(found, str) else tuple(found)
        if all(forms):
            sentences[source] = forms
            if any(place.startswith(SCRIPTS_FOLDER) for place, _line in message.locations):
                scripts.add(source)
    return Catalogue(sentences, gettext.c2py(read.plural_expr), frozenset(scripts))


def language() -> str:
    """The code of the language that is spoken here and now."""
    return _language.get()


def speak(code: str) -> None:
    """From here on in this task."""
    _language.set(code)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """For the length of the block: a text for somebody who is not the one that asks."""
    token = _language.set(code if code in languages() else SOURCE)
    try:
        yield
    finally:
        _language.reset(token)


def _(source: str, **values: object) -> str:
    """The sentence in the language that is spoken here."""
    found = catalogue(language()).one(source)
    return found % values if values else found


def counted(one: str, many: str, count: int, **values: object) -> str:
    """One of two sentences by number, which they call `%(num)s`."""
    return catalogue(language()).counted(one, many, count) % {"num": count, **values}


def shown(text: str) -> str:
    """A `Sentence` in the language that is spoken here; whatever else as it is."""
    if not isinstance(text, Sentence):
        return text
    values = {
        name: shown(value) if isinstance(value, Sentence) else value
        for name, value in text.values.items()
    }
    if text.many is not None:
        return counted(text.source, text.many, text.number, **values)
    return _(text.source, **values)


def direction() -> str:
    """Which way this language is written: "ltr" or "rtl"."""
    return _direction(language())


@cache
def _direction(code: str) -> str:
    from babel import Locale

    return str(Locale.parse(code).text_direction)


def for_scripts() -> str:
    """The sentences of static/js in this language, as JSON; empty for the source language."""
    return _for_scripts(language())


@cache
def _for_scripts(code: str) -> str:
    if code == SOURCE:
        return ""
    from babel import Locale

    found, rules = catalogue(code), Locale.parse(code).plural_form
    # Browsers know a number's category by name, gettext by number: this tells one by the other.
    forms = {rules(number): found.form(number) for number in range(PLURAL_EXAMPLES)}
    sentences = {source: list(found.sentences[source]) for source in sorted(found.scripts)}
    return json.dumps({"forms": forms, "sentences": sentences}, ensure_ascii=False)
