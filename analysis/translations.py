"""Texts in other languages than English: message catalogues of gettext, read from .po files when first asked for."""

from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

ENGLISH = "en"
LOCALE = Path(__file__).with_name("locale")  # what analysis and per_core say
_DOMAIN = "perscope"


@cache
def languages(folder: Path = LOCALE) -> tuple[str, ...]:
    """English, and the languages that had a catalogue in a folder when first asked."""
    return ENGLISH, *sorted(file.parents[1].name for file in folder.glob(f"*/LC_MESSAGES/{_DOMAIN}.po"))


@lru_cache(maxsize=32)
def translations(language: str, *folders: Path) -> NullTranslations:
    """A language, whose `gettext` and `ngettext` give English where a text is not translated.

    Args:
        language: "ko", for example; English where there is no such catalogue.
        folders: hold <language>/LC_MESSAGES/perscope.po; an earlier one decides. That of analysis if none is given.
    """
    found = NullTranslations()
    for folder in reversed(folders or (LOCALE,)):
        if language in languages(folder) and language != ENGLISH:
            own = _read(folder / language / "LC_MESSAGES" / f"{_DOMAIN}.po", language)
            own.add_fallback(found)
            found = own
    return found


def _read(file: Path, language: str) -> NullTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with file.open("rb") as lines:
        catalogue = read_po(lines, locale=language)
    for message in list(catalogue):
        if message.pluralizable and not all(message.string or ()):  # compiled, it would be the English singular for all
            catalogue.delete(message.id, message.context)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
