"""SOAP faults: what GP says against a request, and where it keeps its reasons.

A fault is a text and, somewhere in it, the id under which the reasons are logged (Microsoft, "Exceptions": the place is
not documented, so the whole fault is searched). The texts are those that clients have seen in English; the context asks
for that culture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]

from ml_connector.gp.errors import Said
from ml_connector.gp.web_services.contract import ENVELOPE, Value, body_of

_LOG_ID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_NOBODY = "00000000-0000-0000-0000-000000000000"
_MISSING = re.compile(r"business object not found", re.IGNORECASE)
_FORBIDDEN = re.compile(
    r"not authorized|unauthorized|access (is|was) denied|does not have (access|permission)|security ?exception",
    re.IGNORECASE,
)
_UNREAD = frozenset({"DeserializationFailed", "ActionNotSupported"})  # fault codes of .NET's dispatcher
_VALIDATION = re.compile(r"validation ?exception", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    code: str  # without its prefix: Client, Server, DeserializationFailed
    text: str
    log_ids: tuple[str, ...]

    @property
    def is_unread(self) -> bool:
        """.NET turned the message away before GP saw it: it fits no operation of this installation's contract."""
        return self.code in _UNREAD

    @property
    def is_missing(self) -> bool:
        """GP has nothing under the key that was asked for."""
        return bool(_MISSING.search(self.text))

    @property
    def is_forbidden(self) -> bool:
        """The login is good, and has no role, or no company, for this operation."""
        return bool(_FORBIDDEN.search(self.text))

    @property
    def is_validation(self) -> bool:
        """GP looked at the request and refused it: nothing was done, and asking again changes nothing."""
        return bool(_VALIDATION.search(self.text))


def fault_of(content: bytes) -> Fault | None:
    """The fault that an answer carries; None where it carries none."""
    body = body_of(content)
    if body is None or body.tag != f"{{{ENVELOPE}}}Fault":
        return None
    text = " ".join((body.findtext("faultstring") or "").split())
    whole = etree.tostring(body, encoding="unicode")
    ids = dict.fromkeys(it.lower() for it in _LOG_ID.findall(whole))
    code = (body.findtext("faultcode") or "").strip().rpartition(":")[2]
    return Fault(code, text or "without a word", tuple(it for it in ids if it != _NOBODY))


def reasons(result: Value) -> list[Said]:
    """What a ValidationResult has against the request: its errors. Warnings do not stop GP, and are left out."""
    errors = result.Errors.ValidationError if result is not None and result.Errors is not None else None
    said = []
    for error in errors or []:
        text = " ".join((error.Message or "").split())
        if text:
            said.append(Said((error.Id or "").strip(), text))
    return said
