"""Sentences in the reader's language, made now or long before anybody reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier import languages
from notifier.errors import Refused, TooMany
from notifier.languages import Sentence, catalogue, shown, speaking

# As a translator would leave it: Slovenian has four forms for numbers.
SLOVENIAN = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=4; plural=(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3);\n"

#: notifier/texts.py
msgid "%(what)s cannot be empty."
msgstr "Prazno: %(what)s."

msgid "A message"
msgstr "Sporočilo"

#: static/js/toasts.js
msgid "{n} new message"
msgid_plural "{n} new messages"
msgstr[0] "{n} novo sporočilo"
msgstr[1] "{n} novi sporočili"
msgstr[2] "{n} nova sporočila"
msgstr[3] "{n} novih sporočil"

msgid "%(num)s minute"
msgid_plural "%(num)s minutes"
msgstr[0] "%(num)s minuta"
msgstr[1] "%(num)s minuti"
msgstr[2] "%(num)s minute"
msgstr[3] "%(num)s minut"

msgid "Saved."
msgstr ""
"""


@pytest.fixture(autouse=True)
def slovenian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "sl.po").write_text(SLOVENIAN)
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for cached in (languages.languages, catalogue, languages._for_scripts):
        cached.cache_clear()


def test_every_catalogue_is_a_language_with_its_own_name() -> None:
    assert languages.languages() == {"en": "English", "sl": "slovenščina"}


def test_a_refusal_is_english_until_somebody_reads_it() -> None:
    refused = Refused("%(what)s cannot be empty.", field="x", what=Sentence("A message"))
    assert str(refused) == refused.message == "A message cannot be empty."
    with speaking("sl"):
        assert shown(refused.message) == "Prazno: Sporočilo."
    assert shown(refused.message) == "A message cannot be empty."


def test_what_a_person_wrote_is_never_translated() -> None:
    refused = Refused("%(what)s cannot be empty.", what="A message")
    with speaking("sl"):
        assert shown(refused.message) == "Prazno: A message."
        assert shown("A message") == "A message"


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1 minuta"), (2, "2 minuti"), (4, "4 minute"), (5, "5 minut"), (101, "101 minuta")],
)
def test_a_number_takes_the_form_of_its_language(number: int, words: str) -> None:
    soon = Sentence.counted("%(num)s minute", "%(num)s minutes", number)
    assert soon == (f"{number} minute" if number == 1 else f"{number} minutes")
    with speaking("sl"):
        assert shown(TooMany("%(soon)s", retry_after=1, soon=soon).message) == words


def test_what_is_not_translated_yet_is_english() -> None:
    with speaking("sl"):
        assert languages._("Saved.") == "Saved."
        assert languages._("Never heard of.") == "Never heard of."
        assert languages.counted("%(num)s cup", "%(num)s cups", 2) == "2 cups"


def test_a_language_that_is_not_there_is_english() -> None:
    with speaking("xx"):
        assert languages.language() == "en"


def test_scripts_get_their_own_sentences_and_the_forms_of_numbers() -> None:
    assert languages.for_scripts() == ""
    with speaking("sl"):
        given = languages.for_scripts()
    assert '"forms": {"other": 3, "one": 0, "two": 1, "few": 2}' in given
    assert "novi sporočili" in given and "minuta" not in given
