"""A document as bytes: one form for each document, so that the same document always has the same hash."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgspec

from ml_connector.books.document import RECEIVABLES, Document, DocumentKind, PayablesDocument, ReceivablesDocument


def to_bytes(document: Document) -> bytes:
    """JSON with every field in the order of its class; amounts as decimal strings."""
    return msgspec.json.encode(document)


def from_bytes(data: bytes) -> Document:
    """The document that `to_bytes` gave. Raises msgspec.ValidationError on anything else."""
    kind = DocumentKind(msgspec.json.decode(data, type=_Kind).kind)
    shape: Any = ReceivablesDocument if kind in RECEIVABLES else PayablesDocument
    document: Document = msgspec.json.decode(data, type=shape)
    return document


def digest(document: Document) -> str:
    """SHA-256 over what GP will be asked to hold: the reader's notes on where a line comes from are left out."""
    bare: Any = tuple(replace(distribution, origin="", rule="") for distribution in document.distributions)
    return hashlib.sha256(to_bytes(replace(document, distributions=bare))).hexdigest()


class _Kind(msgspec.Struct):
    kind: str
