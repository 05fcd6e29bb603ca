"""Every catalogue holds every sentence in the code, translated, with its holes in place."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from notifier.paths import TRANSLATIONS
from scripts.languages import extracted, untranslated, updated, written

CODES = sorted(path.stem for path in TRANSLATIONS.glob("*.po"))
# What is filled in: %(name)s in Python and templates, {name} in scripts, and markup.
HOLE = re.compile(r"%\(\w+\)s|\{\w+\}|%%|</?\w+[^>]*>")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extracted()


@pytest.mark.parametrize("code", CODES)
def test_no_sentence_is_missing(code: str, template: Catalog) -> None:
    catalog = updated(code, template)
    assert untranslated(catalog) == [], "fill them in"
    assert written(catalog) == (TRANSLATIONS / f"{code}.po").read_bytes(), "run scripts/languages"


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_the_holes_of_its_sentence(code: str) -> None:
    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        catalog = read_po(file, locale=code)
    for message in catalog:
        if not message.id or not message.string:
            continue
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        # A form for one thing may say it without its number.
        allowed = {hole for source in sources for hole in HOLE.findall(source)}
        for form in filter(None, forms):
            assert set(HOLE.findall(form)) <= allowed, (sources, form)
            if len(sources) == 1:
                assert sorted(HOLE.findall(form)) == sorted(HOLE.findall(sources[0])), form
