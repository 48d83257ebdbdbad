"""How names, telephone numbers, mail and postal addresses are brought to a form in which equal ones are equal."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r"[a-z0-9]+")
_BETWEEN_LETTERS = re.compile(r"(?<=\w)['’`.](?=\w)")
_LEGAL = frozenset("inc incorporated llc lc ltd limited co company corp corporation lp llp pllc pc plc".split())
_EMPTY = frozenset("the and of mr mrs ms dr".split())
_SHORT = dict(
    pair.split("=")
    for pair in (
        "avenue=ave boulevard=blvd circle=cir court=ct drive=dr highway=hwy lane=ln parkway=pkwy place=pl road=rd square=sq "
        "street=st terrace=ter trail=trl way=wy north=n south=s east=e west=w northeast=ne northwest=nw southeast=se "
        "southwest=sw apartment= apt= suite= ste= unit= floor=fl number= no="
    ).split()
)


def folded(text: str) -> str:
    """Small letters of the Latin alphabet: accents taken off, ligatures and sharp s spelled out, the rest kept."""
    spelled = text.casefold().translate(_SPELLED)
    return "".join(it for it in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(it))


_SPELLED = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d"})


def name_words(name: str) -> tuple[str, ...]:
    """The words that tell a name apart, in the order of the alphabet: "Smith, Maria" and "Maria Smith" are one.

    What a company is by law is left out, unless nothing else is there. "Jr" and "Sr", and numbers, stay.
    """
    words = _WORDS.findall(_BETWEEN_LETTERS.sub("", folded(name).replace("&", " and ")))
    telling = [it for it in words if it not in _EMPTY and it not in _LEGAL]
    return tuple(sorted(telling or words))


def phone_key(phone: str) -> str:
    """Ten digits of the North American numbering plan, or all the digits of another; "" for fewer than seven.

    GP keeps ten digits and four of an extension (its telephone fields, char 21): the extension is left out.
    """
    digits = "".join(it for it in re.split(r"(?i)\s*(?:x|ext)", phone)[0] if it in "0123456789")
    if len(digits) == 11 and digits.startswith("1"):
        digits = digits[1:]
    if len(digits) == 14:
        digits = digits[:10]
    return digits if len(digits) >= 7 and len(set(digits)) > 1 else ""


def mail_key(mail: str) -> str:
    """ "" for what is no address."""
    key = mail.strip().casefold()
    return key if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", key) else ""


def tax_key(tax_id: str) -> str:
    """The digits of a tax id; "" where there are not nine, or all are the same."""
    digits = "".join(it for it in tax_id if it in "0123456789")
    return digits if len(digits) == 9 and len(set(digits)) > 1 else ""


def zip_key(zip: str) -> str:
    """The first five digits of a ZIP code; of another country's, all that is written."""
    written = "".join(_WORDS.findall(folded(zip)))
    return written[:5] if written[:5].isdigit() else written


def street_key(street: str, unit: str = "") -> tuple[str, ...]:
    """House number, street and unit, in the post's abbreviations, as a set of words in order; empty where none is told."""
    words = [_SHORT.get(it, it) for it in _WORDS.findall(folded(f"{street} {unit}"))]
    return tuple(sorted(it for it in words if it))
