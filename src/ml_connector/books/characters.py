"""The characters and lengths that GP's text fields hold: fixed char columns of a Windows-1252 database."""

from __future__ import annotations

import unicodedata

_SPELLED = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "’": "'", "‘": "'", "“": '"', "”": '"'})


def fit(text: str, length: int) -> str:
    """A descriptive text as GP can keep it: one line, no characters outside Windows-1252, at most `length` long.

    Letters that the database lacks are written by their nearest (ż as z); what has none becomes a question mark.
    Never used on keys: a key that does not fit is a finding.
    """
    return " ".join(known(text).split())[:length].rstrip()


def known(text: str) -> str:
    """The text with every character that GP's database lacks replaced."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_known(character) for character in unicodedata.normalize("NFC", text))


def holds(text: str) -> bool:
    """Whether GP keeps this text exactly, apart from case and trailing blanks."""
    return text == text.strip() and known(text) == text


def _known(character: str) -> str:
    if not character.isprintable():
        return " "
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        spelled = unicodedata.normalize("NFKD", character.translate(_SPELLED))
        ascii_only = spelled.encode("ascii", "ignore").decode()
        return ascii_only or "?"
    return character
