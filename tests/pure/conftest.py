"""The pure suite is quick and always the same: some hundred examples a property, no deadline, no database of failures.

HYPOTHESIS=deep looks further, and elsewhere each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "pure", max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW
)
settings.register_profile("deep", max_examples=4000, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS", "pure"))
