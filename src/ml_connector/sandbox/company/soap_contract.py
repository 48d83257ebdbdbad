"""The contract of the web services, as the folder `wsdl/` has it: what a message may hold, and in what order.

The members of a type are written in their declared order. What is not said is left out where it is optional and written
as `xsi:nil` where it is nillable, as .NET's XmlSerializer does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from lxml import etree  # type: ignore[import-untyped]

GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"
COMMON = "http://schemas.microsoft.com/dynamics/2006/01"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"

FOLDER = Path(__file__).parent / "wsdl"
ENTRY, SCHEMA = "DynamicsGP.wsdl", "gp.xsd"

_XS = "{http://www.w3.org/2001/XMLSchema}"
_WSDL_SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
_PREFIXES = {None: GP, "c": COMMON, "xsi": XSI}
_PARSER_OPTIONS: Mapping[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "remove_comments": True,
    "remove_pis": True,
}

Node: TypeAlias = Any  # an lxml element
Members: TypeAlias = Mapping[str, Any]  # a Value by the name of its member


@dataclass(frozen=True, slots=True)
class Typed:
    """The members of a type that stands where a more general one is declared: written with `xsi:type`."""

    name: str
    members: Members


Value: TypeAlias = str | bool | int | Decimal | date | Typed | Members | Iterable[Members] | None


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    type: str  # {namespace}name
    optional: bool
    nillable: bool
    many: bool
    namespace: str
    chosen: bool  # one arm of a choice


class NotWellFormed(Exception):
    """The message does not fit the contract."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


class Contract:
    """Types and operations of the served web services. Safe for threads."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._schema = etree.XMLSchema(etree.parse(str(folder / SCHEMA)))
        self._validating = threading.Lock()
        self._own: dict[str, tuple[str, tuple[Member, ...]]] = {}
        self.operations: dict[str, str | None] = {}  # by name: the type of the result, None where nothing is told
        self._documents = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        for name in self._documents:
            if name.endswith(".xsd"):
                self._read(etree.parse(str(folder / name)).getroot())
        self._members = {name: tuple(self._inherited(name)) for name in self._own}

    def _read(self, schema: Node) -> None:
        namespace = schema.get("targetNamespace")
        for it in schema.iterchildren(f"{_XS}complexType"):
            extension = it.find(f".//{_XS}extension")
            base = "" if extension is None else _qualified(extension, extension.get("base"))
            members = tuple(
                Member(
                    name=element.get("name"),
                    type=_qualified(element, element.get("type", "")),
                    optional=element.get("minOccurs") == "0",
                    nillable=element.get("nillable") == "true",
                    many=element.get("maxOccurs") == "unbounded",
                    namespace=namespace,
                    chosen=element.getparent().tag == f"{_XS}choice",
                )
                for element in it.iter(f"{_XS}element")
            )
            self._own[f"{{{namespace}}}{it.get('name')}"] = base, members
        for it in schema.iterchildren(f"{_XS}element"):
            name = it.get("name")
            if name.endswith("Response"):
                result = it.find(f".//{_XS}element")
                told = None if result is None else _qualified(result, result.get("type"))
                self.operations[name.removesuffix("Response")] = told

    def _inherited(self, type_name: str) -> Iterator[Member]:
        """The members of a type, those of what it extends first."""
        base, own = self._own[type_name]
        if base:
            yield from self._inherited(base)
        yield from own

    def validate(self, element: Node) -> None:
        """Raise `NotWellFormed` where the element is not as the contract has it."""
        with self._validating:
            if not self._schema.validate(element):
                first = self._schema.error_log[0]
                raise NotWellFormed(first.message, first.line)

    def result(self, operation: str, value: Value) -> bytes:
        """The envelope that answers an operation; None leaves the answer empty."""
        envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
        body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
        response = etree.SubElement(body, f"{{{GP}}}{operation}Response", nsmap=_PREFIXES)
        declared = self.operations[operation]
        if declared is not None and value is not None:
            result = etree.SubElement(response, f"{{{GP}}}{operation}Result")
            self._write(result, declared, value)
        written: bytes = etree.tostring(envelope, encoding="utf-8", xml_declaration=False)
        return written

    def _write(self, element: Node, declared: str, value: Value) -> None:
        if isinstance(value, Typed):
            element.set(f"{{{XSI}}}type", value.name)
            declared, value = f"{{{GP}}}{value.name}", value.members
        members = self._members.get(declared)
        if members is None:
            element.text = _text(value)
            return
        if not isinstance(value, Mapping):  # the rows of an ArrayOf type
            value = {members[0].name: value}
        unknown = value.keys() - {member.name for member in members}
        if unknown:
            raise KeyError(f"{declared} has no {', '.join(sorted(unknown))}")
        for member in members:
            self._write_member(element, member, value.get(member.name))

    def _write_member(self, parent: Node, member: Member, value: Any) -> None:
        tag = f"{{{member.namespace}}}{member.name}"
        if member.many:
            for row in value or ():
                self._write(etree.SubElement(parent, tag), member.type, row)
        elif value is not None:
            self._write(etree.SubElement(parent, tag), member.type, value)
        elif member.nillable and not member.optional:
            etree.SubElement(parent, tag).set(f"{{{XSI}}}nil", "true")
        elif not member.optional and not member.chosen:
            raise KeyError(f"{member.name} must be said")

    def document(self, name: str, url: str) -> bytes | None:
        """A page of the description as it is served at `url`: what it refers to is there too; None where there is none.

        `name` is "" for the WSDL itself.
        """
        text = self._documents.get(name or ENTRY)
        if text is None:
            return None
        root = parse(text)
        for it in root.iter(f"{_XS}import", f"{_XS}include"):
            it.set("schemaLocation", f"{url}?xsd={it.get('schemaLocation')}")
        for it in root.iter(f"{_WSDL_SOAP}address"):
            it.set("location", url)
        served: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
        return served


@cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract()


def parse(text: bytes) -> Node:
    """The root of an XML text; `NotWellFormed` where it is none, or where it brings a document type."""
    try:
        root = etree.fromstring(text, etree.XMLParser(**_PARSER_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise NotWellFormed(error.msg, error.lineno or 1) from None
    if root.getroottree().docinfo.doctype:
        raise NotWellFormed("For security reasons DTD is prohibited in this XML document.")
    return root


def _qualified(element: Node, name: str) -> str:
    prefix, _, local = name.rpartition(":")
    return f"{{{element.nsmap.get(prefix or None, '')}}}{local}"


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case date():
            return f"{value.isoformat()}T00:00:00"
        case _:
            return str(value)
