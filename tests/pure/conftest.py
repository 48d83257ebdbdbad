"""The pure suite is quick and always the same: some hundred examples a property, no deadline, no database of old failures."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "pure",
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("pure")
