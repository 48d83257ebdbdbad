"""Settings of a connection that reaches nothing."""

from __future__ import annotations

from collections.abc import Mapping


def a_definition(name: str, **more: object) -> Mapping[str, object]:
    """The least that a connection needs."""
    return {
        "name": name,
        "prefix": "ST",
        "mode": "review",
        "servicetitan": {"tenant_id": 1, "client_id": "env:A", "client_secret": "env:B", "app_key": "env:C"},
        "gp": {"North": {"company": "NORTH", "server": "https://gp", "username": "env:D", "password": "env:E"}},
        **more,
    }
