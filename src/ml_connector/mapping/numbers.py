"""The number that a document will carry in GP, or why none can be made."""

from __future__ import annotations

from ml_connector.books.document import DocumentKind
from ml_connector.books.number import number_of
from ml_connector.field.snapshot import Source, title
from ml_connector.findings import Finding
from ml_connector.mapping.frame import Frame


def number_for(source: Source, kind: DocumentKind, frame: Frame, revision: int) -> str | Finding:
    """`number_of`, with a finding in place of its ValueError: a huge ServiceTitan id, or one entered again too often."""
    try:
        return number_of(frame.prefix, kind, source.id, revision)
    except ValueError as why:
        return Finding(
            "number.too_long",
            title(source),
            f"no GP document number can be made for it: {why}",
            "Give the connection a shorter prefix if it has more than one letter ('ml-connector connection add' with "
            "--replace), then replay; or enter it in GP by hand and run 'ml-connector skip' with the reason.",
        )
