"""The id that a party gets in GP: 15 characters, the same every time, and nobody else's.

Some letters of the name, so that a person knows whom it stands for, a hyphen, and ServiceTitan's number in base 36. The
number makes it unique and the hyphen keeps it so; letters and numbers never run together.
"""

from __future__ import annotations

from ml_connector.books.number import base36
from ml_connector.parties.comparing import folded

LONGEST = 15  # GP's CUSTNMBR and VENDORID (eConnect, taUpdateCreateCustomerRcd)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gp_id(name: str, servicetitan_id: int, turn: int = 0) -> str:
    """SMITHMAR-3AF29K. `turn` counts the ids that GP turned out to hold for somebody else. Raises ValueError below 1."""
    if servicetitan_id < 1 or turn < 0:
        raise ValueError(f"{servicetitan_id} is no id of ServiceTitan's")
    tail = f"-{base36(servicetitan_id)}" + (f"-{base36(turn)}" if turn else "")
    letters = "".join(it for it in folded(name).upper() if it in _DIGITS)
    head = letters[: LONGEST - len(tail)] or "X"
    if len(head) + len(tail) > LONGEST:
        raise ValueError(f"{servicetitan_id} is too long a number for an id of {LONGEST} characters")
    return head + tail
