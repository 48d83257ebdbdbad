"""What comes of a customer or vendor that GP refused in words: the same for every transport, as the words are GP's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.gp import errors
from ml_connector.gp.errors import Said
from ml_connector.gp.meanings import meaning
from ml_connector.gp.service_map import Meaning
from ml_connector.gp.told import Refusal
from ml_connector.parties import refusals
from ml_connector.parties.party import Party, Side


def refused(answer: Refusal, known: Sequence[Meaning], party: Party) -> Held | InDoubt | Deferred:
    """GP told its reasons and did nothing: a person mends them, or they pass, or the id may be our own create's."""
    meanings = [(_code(one, known), one) for one in answer.said]
    codes = {code for code, _ in meanings}
    if refusals.EXISTS in codes:
        return InDoubt(f"GP says that the id exists: {errors.listing(answer.said)}", answer.wire)
    if codes <= refusals.PASSES:
        return Deferred(errors.listing(answer.said), answer.wire)
    findings = (refusals.refusal(Side.BOOKS, party, code, str(one)) for code, one in meanings)
    return Held(tuple(dict.fromkeys(findings)), answer.wire)


def _code(one: Said, known: Iterable[Meaning]) -> str:
    code = meaning(one, (it for it in known if it.means in refusals.REFUSALS))
    return code or "party.refused"
