"""When a burst of webhooks becomes one run."""

from __future__ import annotations

from datetime import datetime, timedelta


def due_at(oldest: datetime, newest: datetime, debounce: float, longest_delay: float) -> datetime:
    """The moment at which deliveries that wait are answered by a run: it is quiet for `debounce` seconds, or the first
    has waited for `longest_delay` seconds, so that a stream without an end does not put the run off for ever."""
    return min(newest + timedelta(seconds=debounce), oldest + timedelta(seconds=longest_delay))


def is_due(now: datetime, oldest: datetime, newest: datetime, debounce: float, longest_delay: float) -> bool:
    return now >= due_at(oldest, newest, debounce, longest_delay)
