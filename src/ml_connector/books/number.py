"""The number that a document carries in GP: made from ServiceTitan's id, so that the same source always asks for
the same number, and GP's own key refuses a second copy.

At most 15 characters (the narrowest of GP's document keys over SOAP), upper case: prefix, kind letter, id, revision.
"""

from __future__ import annotations

import re

from ml_connector.books.document import DocumentKind

LONGEST = 15
PREFIX = re.compile(r"[A-Z]{1,3}\Z")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def number_of(prefix: str, kind: DocumentKind, source_id: int, revision: int = 1) -> str:
    """STI10482 for invoice 10482; STI10482-2 when it was entered again.

    An id of more than nine digits is written in base 36 behind an X, which no decimal id begins with, so that no two
    sources share a number. Raises ValueError where the parts cannot make a number.
    """
    if not PREFIX.match(prefix):
        raise ValueError(f"the prefix must be one to three capital letters, not '{prefix}'")
    if source_id <= 0 or revision <= 0:
        raise ValueError(f"id {source_id} and revision {revision} must be more than zero")
    body = str(source_id) if source_id < 10**9 else "X" + base36(source_id)
    number = f"{prefix}{kind.letter}{body}" + (f"-{revision}" if revision > 1 else "")
    if len(number) > LONGEST:
        raise ValueError(f"{number} has {len(number)} characters, GP holds {LONGEST}")
    return number


def base36(value: int) -> str:
    digits = ""
    while value:
        value, digit = divmod(value, 36)
        digits = _DIGITS[digit] + digits
    return digits
