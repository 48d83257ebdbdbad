"""Every credential that a connection refers to: is it there, and does a sealed one open? None is ever shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ml_connector.findings import Finding
from ml_connector.runtime.doctor.lines import Line, Seen, Step, walk
from ml_connector.runtime.settings import Settings, credentials, secret
from ml_connector.runtime.webhooks import keys_of

PART = "credentials"


def examine(settings: Settings, vault: Callable[[str], str]) -> Iterator[Line]:
    """A line for each, called by the setting that it stands in."""
    references = credentials(settings)
    steps = [Step(what, partial(_opens, what, it, vault)) for what, it in references.items()]
    if settings.webhooks.secrets:
        steps.append(Step("webhook keys", partial(_webhook_keys, settings, vault)))
    yield from walk(PART, steps)


def _webhook_keys(settings: Settings, vault: Callable[[str], str]) -> Seen:
    keys, findings = keys_of(settings.name, settings.webhooks, vault)
    return findings or f"{len(keys)} can be used"


def _opens(what: str, reference: str, vault: Callable[[str], str]) -> Seen:
    if secret(reference, what, vault):
        return f"{reference} {'opens' if reference.startswith('vault:') else 'is there'}"
    return [
        Finding(
            "credential.empty",
            what,
            f"{reference} is empty",
            f"Put the credential there ('ml-connector vault put {reference.partition(':')[2]}')."
            if reference.startswith("vault:")
            else f"Put the credential in {reference.partition(':')[2]}.",
        )
    ]
