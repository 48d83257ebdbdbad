"""Read a list to its end where it gives so many rows at most and does not say that there are more: by ranges of its keys.

Both ends belong to a range, so the row at which one ends comes again with the next, and is dropped. A range is divided by a
key that was seen in it, which is sure to lie within whatever order GP sorts its texts by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ml_connector.findings import Finding, Interrupted

R = TypeVar("R")


def in_ranges(
    ask: Callable[[str, str], Sequence[R]], key: Callable[[R], str], cap: int, truncated: Finding
) -> Iterator[Sequence[R]]:
    """Every row, in parts of fewer than `cap` (0: the list has no such limit). `ask` reads the rows from one key to another,
    "" for no bound; `key` is a row's, as GP compares it. Raises Interrupted with `truncated` where nothing narrower helps.
    """
    waiting = [("", "")]
    while waiting:
        low, high = waiting.pop()
        rows = ask(low, high)
        if not cap or len(rows) < cap:
            yield [row for row in rows if not low or key(row) != low]
            continue
        keys = [key(row) for row in rows]
        distinct = sorted(set(keys))
        if len(distinct) < 3:
            raise Interrupted(truncated)
        in_order = keys == sorted(keys)  # then what comes before the last key but one is all there is before it
        middle = distinct[-2] if in_order else distinct[len(distinct) // 2]
        if middle in (low, high):
            raise Interrupted(truncated)
        waiting += [(middle, high), (low, middle)]
