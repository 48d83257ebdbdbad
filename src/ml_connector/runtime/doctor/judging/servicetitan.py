"""How fast ServiceTitan may be asked."""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.findings import Finding
from ml_connector.servicetitan.pacing import CALLS_A_SECOND

ALLOWED = 60  # calls a second, for one application in one tenant (developer FAQ)


def rate(calls: int, seconds: float, throttled: int) -> str | Sequence[Finding]:
    """`calls` in `seconds`, of which `throttled` were turned away as too many."""
    told = f"{calls} calls in {seconds:.1f} seconds; {ALLOWED} a second are allowed, and we keep to {CALLS_A_SECOND}"
    if not throttled:
        return told
    return [
        Finding(
            "servicetitan.rate",
            "ServiceTitan",
            f"'too many calls' was answered {throttled} times, though we keep to {CALLS_A_SECOND} of {ALLOWED} a second "
            f"({told})",
            "Another program uses the same application: give it an application of its own in ServiceTitan's developer "
            "portal under My Apps, or let the two run at different times.",
            warns=True,
        )
    ]
