"""The policies of creates and updates, as the administrator of the web services set them.

Each is sent with its policy, fetched beforehand. The behaviours here are internal: the administrator's choice
stands, whatever a client sends back. Microsoft documents "Create GL Account Distributions" (0 the distributions are
provided, 1 GP creates them, its default) for the policies of the receivables return and of the purchase invoice; that
invoices and credit memos have it too is inferred, and the ids are invented.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ml_connector.sandbox.company.records import Kind, Settings
from ml_connector.sandbox.company.soap_contract import GP, Members
from ml_connector.sandbox.company.soap_words import NOUNS, OBJECTS

Options: TypeAlias = Sequence[str]  # by their number

DISTRIBUTIONS = "Create GL Account Distributions"
BATCH = "Create Batch"
CLASS = "Use Class Defaults"
_BEHAVIORS: Mapping[str, Options] = {
    DISTRIBUTIONS: ("Distributions Will Be Provided", "Automatically Create Distributions"),
    BATCH: ("Do Not Create Batch", "Create Batch If It Does Not Exist"),
    CLASS: ("Do Not Use Class Defaults", "Use Class Defaults For Blank Fields"),
}

CARD_CHANGES: Mapping[str, str] = {
    f"{verb}{noun}": noun for noun in ("Customer", "Vendor") for verb in ("Create", "Update")
}
CREATES: Mapping[str, Kind] = {f"Create{noun}": kind for kind, noun in NOUNS.items()}


def policy_id(operation: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{GP}/{operation}"))


def policy(operation: str, settings: Settings) -> Members | None:
    """The policy of a create or an update; None where there is no such policy."""
    noun = NOUNS[CREATES[operation]] if operation in CREATES else CARD_CHANGES.get(operation)
    if noun is None:
        return None
    key: Members = {"Id": policy_id(operation)}
    of_document = {DISTRIBUTIONS: int(settings.creates_distributions), BATCH: 1}
    chosen = of_document if operation in CREATES else {CLASS: 1}
    return {
        "Key": key,
        "Behaviors": [_behavior(name, number, key) for name, number in chosen.items()],
        "Name": f"{operation} Policy",
        "RootBusinessObjectName": OBJECTS + noun,
    }


def _behavior(name: str, chosen: int, policy_key: Members) -> Members:
    key: Members = {"PolicyKey": policy_key, "Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{GP}/{name}"))}
    options: list[Members] = [
        {"Key": {"BehaviorKey": key, "Id": number}, "Name": option, "Description": option, "Parameters": []}
        for number, option in enumerate(_BEHAVIORS[name])
    ]
    return {
        "Key": key,
        "Name": name,
        "Description": name,
        "Internal": True,
        "Options": options,
        "SelectedOption": options[chosen],
    }
