"""Hold the messages of the web services against the legacy contract of Dynamics GP (SOAP 1.1, document/literal).

The contract lies beside the repository. Where it is missing a test is skipped and says so; under CI it fails.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree  # type: ignore[import-untyped]

CONTRACT = Path(__file__).parents[2] / ".." / "shared" / "reference" / "gp" / "soap"
SCHEMA = "legacy_gp_2006_01_subset.xsd"
XS = "{http://www.w3.org/2001/XMLSchema}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"

_validating = threading.Lock()


class NotInContract(AssertionError):
    """A message that the legacy contract does not allow."""


def needs_the_contract() -> None:
    """Skip the test, or fail it under CI, where the contract is not there."""
    if not (CONTRACT / SCHEMA).exists():
        if os.environ.get("CI"):
            pytest.fail(f"the legacy contract is missing: {CONTRACT}")
        pytest.skip(f"the legacy contract is not beside the repository: {CONTRACT}")


def validate(message: bytes) -> None:
    """A request or an answer, with its envelope, must be as the contract has it; else `NotInContract`, with the reason.

    The contract declares no fault, so of a fault only its own shape is looked at.
    """
    needs_the_contract()
    envelope = etree.fromstring(message, etree.XMLParser(remove_comments=True))
    if envelope.tag != f"{SOAP}Envelope":
        raise NotInContract(f"not an envelope of SOAP 1.1: {envelope.tag}")
    body = envelope.find(f"{SOAP}Body")
    if body is None or len(body) != 1:
        raise NotInContract("an envelope has one body, and the body one element")
    if body[0].tag == f"{SOAP}Fault":
        told = [child.tag for child in body[0]]
        if told not in (["faultcode", "faultstring"], ["faultcode", "faultstring", "detail"]):
            raise NotInContract(f"a fault with {told}")
        return
    with _validating:
        if not _schema().validate(body[0]):
            reasons = "; ".join(f"line {error.line}: {error.message}" for error in list(_schema().error_log)[:5])
            raise NotInContract(f"{etree.QName(body[0]).localname}: {reasons}")


@cache
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(str(CONTRACT / SCHEMA)))


@dataclass(frozen=True)
class Element:
    """One member as a schema declares it: (name, type, minOccurs, maxOccurs, nillable), and whether it is an arm."""

    name: str
    type: str
    least: str
    most: str
    nillable: str
    chosen: bool


def types(folder: Path) -> dict[str, object]:
    """Everything that the schemas of a folder declare, by {namespace}name: bases, members in order, enumerations."""

    def qualified(node: Any, name: str | None) -> str:
        prefix, _, local = (name or "").rpartition(":")
        return f"{{{node.nsmap.get(prefix or None)}}}{local}" if local else ""

    told: dict[str, object] = {}
    for path in folder.glob("*.xsd"):
        root = etree.parse(str(path)).getroot()
        for node in root:
            if node.tag not in (f"{XS}complexType", f"{XS}simpleType", f"{XS}element"):
                continue
            extension, listed = node.find(f".//{XS}extension"), node.find(f"{XS}list")
            elements = [
                Element(
                    it.get("name"),
                    qualified(it, it.get("type")),
                    it.get("minOccurs", "1"),
                    it.get("maxOccurs", "1"),
                    it.get("nillable", "false"),
                    it.getparent().tag == f"{XS}choice",
                )
                for it in node.iter(f"{XS}element")
                if it is not node
            ]
            told[f"{{{root.get('targetNamespace')}}}{node.get('name')}"] = (
                node.tag,
                node.get("abstract", "false"),
                "" if extension is None else qualified(extension, extension.get("base")),
                elements,
                frozenset(it.get("value") for it in node.iter(f"{XS}enumeration", f"{XS}pattern")),
                listed is not None,
            )
    return told


def operations(path: Path) -> dict[str, tuple[str, str, str]]:
    """Of each operation: its SOAPAction, the element that asks and the element that answers."""
    soap, wsdl = "{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/}"
    root = etree.parse(str(path)).getroot()
    parts = {
        it.get("name"): it.find(f"{wsdl}part").get("element").rpartition(":")[2] for it in root.iter(f"{wsdl}message")
    }
    actions = {
        it.get("name"): it.find(f"{soap}operation").get("soapAction")
        for it in root.find(f"{wsdl}binding").iter(f"{wsdl}operation")
    }
    return {
        it.get("name"): (
            actions[it.get("name")],
            *(parts[it.find(f"{wsdl}{way}").get("message").rpartition(":")[2]] for way in ("input", "output")),
        )
        for it in root.find(f"{wsdl}portType").iter(f"{wsdl}operation")
    }
