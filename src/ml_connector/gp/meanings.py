"""What comes of a document that GP refused in words: the same for every transport, as the words are GP's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml_connector.books.document import Document
from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.gp import errors
from ml_connector.gp.errors import EXISTS, PASSES, Said
from ml_connector.gp.service_map import Meaning
from ml_connector.parties import refusals


def meaning(said: Said, known: Iterable[Meaning]) -> str:
    """The code of ours for what GP said, "" where nobody foresaw it. The first that fits counts."""
    return next(
        (
            it.means
            for it in known
            if (not it.code or it.code == said.code) and (not it.text or it.text.search(said.text))
        ),
        "",
    )


def refused(
    said: Sequence[Said], known: Sequence[Meaning], document: Document, batch_id: str
) -> Held | InDoubt | Deferred:
    """GP told its reasons and did nothing: a person mends them, or they pass, or the number may be our own create."""
    of_documents = [it for it in known if it.means not in refusals.REFUSALS]
    meanings = [(meaning(one, of_documents) or "document.refused", one) for one in said]
    codes = {code for code, _ in meanings}
    if EXISTS in codes:
        return InDoubt(f"GP says that the number exists: {errors.listing(said)}")
    if codes <= PASSES:
        return Deferred(errors.listing(said))
    findings = (errors.refusal(code, one, document, batch_id) for code, one in meanings)
    return Held(tuple(dict.fromkeys(findings)))
