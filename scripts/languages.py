"""Brings every sentence that people are shown into the catalogues: Python, templates, scripts."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from notifier.paths import STATIC, TEMPLATES, TRANSLATIONS

CHECKOUT = Path(__file__).parents[1]
PYTHON = CHECKOUT / "notifier"
# The calls whose first words are shown to people. The errors make a Sentence of theirs.
PYTHON_CALLS = {
    "_": None,
    "Sentence": None,
    "counted": (1, 2),
    "Refused": None,
    "BadRequest": None,
    "Forbidden": None,
    "NotFound": None,
    "Taken": None,
    "TooMany": None,
    "Unavailable": None,
}
TEMPLATE_CALLS = {"_": None, "gettext": None, "ngettext": (1, 2)}
SCRIPT_CALLS = {"text": None, "counted": (1, 2)}
TEMPLATE_OPTIONS = {
    "trimmed": "true",
    "newstyle_gettext": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "silent": "false",
}
WIDTH = 100
FOR_TRANSLATORS = "For translators:"


def extracted() -> Catalog:
    """Every sentence in the code as it is."""
    catalog = Catalog(project="Notifier", charset="utf-8")
    for method, calls, options, root, suffix in (
        ("python", PYTHON_CALLS, {}, PYTHON, ".py"),
        ("jinja2", TEMPLATE_CALLS, TEMPLATE_OPTIONS, TEMPLATES, ".html"),
        ("javascript", SCRIPT_CALLS, {}, STATIC / "js", ".js"),
    ):
        for path in sorted(root.rglob(f"*{suffix}")):
            place = path.relative_to(CHECKOUT).as_posix()
            found = extract_from_file(
                method, path, keywords=calls, comment_tags=(FOR_TRANSLATORS,), options=options
            )
            for line, source, comments, _context in found:
                if source:
                    catalog.add(source, None, [(place, line)], auto_comments=comments)
    return catalog


def updated(code: str, template: Catalog) -> Catalog:
    """The catalogue of a language with the sentences of `template`, keeping what is translated."""
    path = TRANSLATIONS / f"{code}.po"
    catalog = Catalog(locale=code, project="Notifier", charset="utf-8", fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=code)
    # No guesses: a sentence that is nearly the same may mean the opposite.
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def written(catalog: Catalog) -> bytes:
    """As a file, without what changes from run to run and from machine to machine."""
    text = io.BytesIO()
    # Places by file only: with line numbers every edit of the code would change every catalogue.
    write_po(text, catalog, width=WIDTH, omit_header=True, include_lineno=False)
    header = f"""msgid ""
msgstr ""
"Language: {catalog.locale}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {catalog.plural_forms}\\n"

"""
    return header.encode() + text.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """What a reader would see in English."""
    missing = []
    for message in catalog:
        found = message.string or ""
        forms = [found] if isinstance(found, str) else list(found)
        if message.id and (message.fuzzy or not all(forms)):
            missing.append(message.id if isinstance(message.id, str) else message.id[0])
    return missing


def main(new: list[str]) -> None:
    """Update every catalogue, or make new ones."""
    template = extracted()
    TRANSLATIONS.mkdir(exist_ok=True)
    for code in new or sorted(path.stem for path in TRANSLATIONS.glob("*.po")):
        catalog = updated(code, template)
        (TRANSLATIONS / f"{code}.po").write_bytes(written(catalog))
        missing = untranslated(catalog)
        print(f"{code}: {len(catalog)} sentences, {len(missing)} to translate")
        for source in missing:
            print(f"  {source}")


if __name__ == "__main__":
    main(sys.argv[1:])
