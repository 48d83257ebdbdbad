"""What this installation's web services take and give, as its own WSDL says it: zeep makes and reads the messages.

zeep is kept strict, as it loses values without a word otherwise, and gets exact decimals only. What it does not check is
checked here: each literal of an enumeration that we send stands in the installation's own schema.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import zeep.exceptions
from lxml import etree  # type: ignore[import-untyped]
from zeep.loader import parse_xml
from zeep.settings import Settings
from zeep.wsdl import Document as Wsdl
from zeep.wsdl.bindings.soap import Soap11Binding

from ml_connector.findings import Interrupted
from ml_connector.gp.web_services import errors
from ml_connector.gp.wire import Unintelligible

GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"
COMMON = "http://schemas.microsoft.com/dynamics/2006/01"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"

Value: TypeAlias = Any  # what zeep makes and reads: a typed object, a list of them, or a plain value
Parts: TypeAlias = Mapping[str, Value]

NEEDED = frozenset(
    """
    GetWSEnabledCompanyForUserList GetPolicyByOperation GetLoggedValidationResultByKey GetBatchList GetGLPostingAccountList
    GetGLAccountFormatList
    GetCustomerList GetCustomerByKey GetVendorList GetVendorByKey
    CreateReceivablesInvoice CreateReceivablesCreditMemo CreatePayablesInvoice CreatePayablesCreditMemo
    GetReceivablesDocumentList GetReceivablesInvoiceByKey GetReceivablesCreditMemoByKey
    GetPayablesDocumentList GetPayablesInvoiceByKey GetPayablesCreditMemoByKey
    """.split()
)
WORDS: Mapping[str, tuple[str, ...]] = {  # every literal that we send, by its type
    "CurrencyType": ("Transactional",),
    "CustomerScope": ("Return All",),
    "VendorScope": ("Return All",),
    "ReceivablesDocumentScope": ("Return All",),
    "ReceivablesTransactionState": ("Work", "Open", "History"),
    "PayablesTransactionState": ("Work", "Open", "History"),
    "PayablesDocumentType": ("Invoice",),
}
_SETTINGS = Settings(strict=True, forbid_dtd=True, forbid_entities=True)
# What zeep lets through when an answer is XML and something quite different.
_STRANGE = (zeep.exceptions.Error, ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


class Contract:
    """The operations and types of one WSDL. Safe to use from several threads."""

    def __init__(self, wsdl: Wsdl, literals: Mapping[str, frozenset[str]], where: str) -> None:
        """Raises Interrupted where the WSDL lacks an operation or a word that we need."""
        found = next((it for it in wsdl.bindings.values() if isinstance(it, Soap11Binding)), None)
        self._operations: Mapping[str, Any] = found._operations if found else {}
        self._types: Any = wsdl.types
        self._literals = literals
        lacking = sorted(NEEDED - self._operations.keys())
        lacking += [f"{kind} '{word}'" for kind, words in WORDS.items() for word in words if not self._has(kind, word)]
        if lacking:
            raise Interrupted(errors.contract(where, f"its legacy contract lacks {', '.join(lacking)}"))

    def has(self, operation: str) -> bool:
        return operation in self._operations

    def word(self, kind: str, word: str) -> str:
        """A literal of an enumeration. Raises ValueError where the installation does not know it."""
        if not self._has(kind, word):
            raise ValueError(f"'{word}' is no {kind}")
        return word

    def make(self, name: str, namespace: str = GP, **members: Value) -> Value:
        """An object of a named type, for members whose declared type is abstract: it is sent with its xsi:type."""
        return self._types.get_type(f"{{{namespace}}}{name}")(**members)

    def action(self, operation: str) -> str:
        """The SOAPAction of an operation, quoted as SOAP 1.1 wants it."""
        return f'"{self._operations[operation].soapaction}"'

    def request(self, operation: str, parts: Parts) -> bytes:
        """The envelope of a request: members in the order of the schema, unset nillable ones as xsi:nil.

        Without WS-Addressing, also where the WSDL carries its actions: a basicHttp endpoint does not speak it.
        """
        made = self._operations[operation].create(**parts)
        content: bytes = etree.tostring(made.content, xml_declaration=True, encoding="utf-8")
        return content

    def result(self, operation: str, content: bytes) -> Value:
        """What an answer holds; None for an empty list, or for nothing at all. Raises Unintelligible.

        zeep takes any element for the answer, and finds nothing in it; so its name is looked at first.
        """
        try:
            envelope = _parse(content)
            told = _first_in_body(envelope)
            if told is None or told.tag != f"{{{GP}}}{operation}Response":
                raise Unintelligible(f"the answer to {operation} is another one")
            return self._operations[operation].process_reply(envelope)
        except _STRANGE as error:
            raise Unintelligible(f"the answer to {operation} does not fit the WSDL: {error}") from None

    def _has(self, kind: str, word: str) -> bool:
        return word in self._literals.get(kind, ())


def _parse(content: bytes) -> Value:
    parse: Any = parse_xml  # it says that it takes text, and takes bytes
    return parse(content, None, settings=_SETTINGS)


def body_of(content: bytes) -> Value | None:
    """The first element in the body of a SOAP 1.1 envelope; None where it is no envelope, or an empty one."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return None if root.getroottree().docinfo.doctype else _first_in_body(root)


def _first_in_body(envelope: Value) -> Value | None:
    body = envelope.find(f"{{{ENVELOPE}}}Body") if envelope.tag == f"{{{ENVELOPE}}}Envelope" else None
    return None if body is None else next(iter(body), None)


class Shelf:
    """Where the documents of a WSDL come from: the folder that keeps them, else the server, else a file.

    `fetch` reads one address of the server. Whatever host a document names, it is read from the server that the WSDL
    came from: an installation may know itself by a name that nobody else knows, and our login goes nowhere else.
    """

    def __init__(self, wsdl: str, folder: Path | None, fetch: Callable[[str], bytes], fresh: bool = False) -> None:
        self._home = urlsplit(wsdl)
        self._folder, self._fetch, self._fresh = folder, fetch, fresh
        self.came_from_folder = False
        self.literals: dict[str, frozenset[str]] = defaultdict(frozenset)

    def load(self, url: str) -> bytes:
        """One document, as zeep asks for it."""
        content = self._load(url)
        try:
            root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError:
            return content  # zeep says it better
        schema = {"xs": "http://www.w3.org/2001/XMLSchema"}
        for kind in root.iterfind(".//xs:simpleType[@name]", schema):
            words = {it.get("value") for it in kind.iterfind(".//xs:enumeration", schema)}
            self.literals[kind.get("name")] |= words
        return content

    def _load(self, url: str) -> bytes:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return Path(parts.path if parts.scheme == "file" else url).read_bytes()
        if self._home.scheme not in ("http", "https"):
            raise ValueError(f"a WSDL of the file system names {url}; keep its schemas beside it")
        address = urlunsplit((self._home.scheme, self._home.netloc, parts.path, parts.query, ""))
        kept = self._folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.xml" if self._folder else None
        if kept and kept.exists() and not self._fresh:
            self.came_from_folder = True
            return kept.read_bytes()
        content = self._fetch(address)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            half = kept.with_suffix(f".{id(self)}.new")
            half.write_bytes(content)
            half.replace(kept)
        return content


def load(wsdl: str, folder: Path | None, fetch: Callable[[str], bytes], fresh: bool = False) -> Contract:
    """The contract at an address or in a file. Raises Interrupted where it cannot be read or lacks what we need.

    What the folder keeps is used unless `fresh` is asked for, or it no longer makes sense.
    """
    shelf = Shelf(wsdl, folder, fetch, fresh)
    try:
        return Contract(Wsdl(wsdl, shelf, settings=_SETTINGS), shelf.literals, wsdl)  # type: ignore[arg-type]
    except Interrupted:
        if not shelf.came_from_folder:
            raise
    except (*_STRANGE, OSError) as error:
        if not shelf.came_from_folder:
            raise Interrupted(errors.contract(wsdl, f"it cannot be read: {error or type(error).__name__}")) from None
    return load(wsdl, folder, fetch, fresh=True)
