"""The policies of the creates: fetched once, sent back with each document, and read for the one choice that matters.

"Create GL Account Distributions" is the administrator's choice, and GP's default is to make the distributions itself
(Microsoft, "Policies": option 0 is 'Distributions Will Be Provided'): ours would be replaced or doubled without an error.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping

from ml_connector.books.document import DocumentKind
from ml_connector.findings import Finding
from ml_connector.gp.web_services import errors
from ml_connector.gp.web_services.contract import Value
from ml_connector.gp.web_services.documents import CREATES
from ml_connector.gp.web_services.transport import WebServices

_DISTRIBUTIONS = re.compile(r"create\b.*\bdistributions", re.IGNORECASE)
_PROVIDED = 0  # the option that takes what is sent


class Policies:
    """The policies of one company for our Windows account's role. Safe to use from several threads."""

    def __init__(self, services: WebServices) -> None:
        self._services = services
        self._held: dict[str, Value] = {}  # by operation
        self._lock = threading.Lock()

    def forget(self) -> None:
        with self._lock:
            self._held.clear()

    def of(self, kind: DocumentKind) -> Value:
        """The policy of a create, as GP gave it. Raises Interrupted."""
        return self.of_operation(CREATES[kind])

    def of_operation(self, operation: str) -> Value:
        """The policy of any create or update, as GP gave it. Raises Interrupted."""
        with self._lock:
            if operation not in self._held:
                policy = self._services.ask("GetPolicyByOperation", operation=operation)
                if policy is None:
                    raise errors.no_policy(operation)
                self._held[operation] = policy
            return self._held[operation]

    def let_us_send_distributions(self, kinds: Iterable[DocumentKind] = CREATES) -> Finding | None:
        """None where GP takes the distributions that we send, for each of these kinds; else what an administrator
        changes. A policy without that choice lets us: reading the distributions back shows what GP made of them."""
        wrong = {CREATES[kind]: said for kind in kinds if (said := _makes_its_own(self.of(kind)))}
        return errors.policy(list(wrong), _one_of(wrong)) if wrong else None


def _makes_its_own(policy: Value) -> str:
    """What the policy has chosen instead of taking our distributions; "" where it takes them, or has no such choice."""
    behaviors = policy.Behaviors.Behavior if policy.Behaviors is not None else None
    for behavior in behaviors or ():
        if _DISTRIBUTIONS.search(behavior.Name or ""):
            selected = behavior.SelectedOption
            if selected is None or selected.Key is None:
                return "not said"
            if selected.Key.Id != _PROVIDED:
                return str(selected.Name or selected.Key.Id).strip()
    return ""


def _one_of(wrong: Mapping[str, str]) -> str:
    return next(iter(wrong.values()))
