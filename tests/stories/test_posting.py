"""An approver asks GP to post a batch. GP is asked once, and only what it shows of the documents counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from ml_connector.books import outcomes
from ml_connector.books.outcomes import Asked, Exchange, Held, InDoubt
from ml_connector.books.period import Series
from ml_connector.docket import stages
from ml_connector.findings import Finding, Interrupted
from ml_connector.pipeline import release
from ml_connector.pipeline.confirm import Confirming
from ml_connector.pipeline.posting import Posting, Seen
from tests.builders import COMPANY, a_document, an_invoice, usd
from tests.doubles.company import Company, Fault
from tests.stories.office import Office

BATCH = "STR260331-01"
REFUSED = Finding("posting.refused", f"batch {BATCH}", "the batch is being edited", "Wait.")


@dataclass
class Action:
    """GP's posting action: what it does, and what it answers. `asked` are the batches that it was asked for."""

    gp: Company
    answers: outcomes.Posting = field(default_factory=lambda: Asked(Exchange(b"POST", b"HTTP 200\n")))
    posts: bool = True
    leaves: tuple[str, ...] = ()  # what stays in the batch, as on GP's edit list
    asked: list[str] = field(default_factory=list)
    dies: bool = False  # the program, before it hears the answer

    def post(self, series: Series, batch_id: str) -> outcomes.Posting:
        self.asked.append(batch_id)
        for number in [it.number for it in self.gp.in_batch(series, batch_id)]:
            if self.posts and number not in self.leaves:
                self.gp.post(number)
        if self.dies:
            raise KeyboardInterrupt
        return self.answers


@pytest.fixture
def entered(office: Office) -> Office:
    """Three invoices stand in a batch of ours."""
    office.sweep_and_run(*(an_invoice(id=id, number=str(id)) for id in (10482, 10483, 10484)))
    assert [office.stands(number) for number in ("STI10482", "STI10483", "STI10484")] == ["entered"] * 3
    return office


def ask(office: Office, action: Action) -> Seen:
    batch = office.ledger.opened_batch(BATCH)
    assert batch is not None, [it.batch_id for it in office.ledger.unposted()]
    confirming = Confirming(COMPANY, office.gp, office.ledger, office.clock, office.share)
    return Posting(batch, confirming, office.ledger).ask(action, "March is reviewed")


def refused(office: Office, action: Action) -> list[Finding]:
    with pytest.raises(Interrupted) as stop:
        ask(office, action)
    assert all(it.remedy.endswith(".") for it in stop.value.findings)
    return list(stop.value.findings)


def told(office: Office) -> list[str]:
    """The trail of the batch."""
    return [it.event.name.removeprefix("batch.posting_") for it in office.ledger.trail(number=BATCH)]


def test_gp_posts_what_an_approver_asks_for_and_we_see_it(entered: Office) -> None:
    """The request is in the trail, with count, total and reason; the documents become posted by what GP shows."""
    seen = ask(entered, Action(entered.gp))
    assert (seen.documents, seen.posted, seen.total, seen.asked, seen.findings) == (3, 3, usd("326.43"), True, ())
    assert told(entered) == ["asked", "answered"]
    first = entered.ledger.trail(number=BATCH)[0].event.detail
    assert {"batch": BATCH, "documents": 3, "total": "326.43", "why": "March is reviewed"}.items() <= first.items()
    assert entered.events("STI10482")[-1] == "document.posted"
    assert entered.stands("STI10482") == "posted"
    assert entered.ledger.unposted() == []


def test_the_answer_is_kept_as_evidence(entered: Office) -> None:
    """What went out and what came back, byte for byte."""
    ask(entered, Action(entered.gp))
    answered = entered.ledger.trail(number=BATCH)[1].event.detail
    assert entered.ledger.evidence(str(answered["answer"])) == b"HTTP 200\n"


def test_a_lost_answer_is_settled_by_looking_and_never_by_asking_again(entered: Office) -> None:
    """GP goes on posting after the connection broke; the second time, and the third, we look."""
    action = Action(entered.gp, InDoubt("the answer was lost: reset"), posts=False)
    seen = ask(entered, action)
    assert [it.code for it in seen.findings] == ["posting.in_doubt"]
    assert "GP shows 0 of 3 as posted" in seen.findings[0].says
    again = ask(entered, action)
    assert [it.code for it in again.findings] == ["posting.asked_already"]
    for number in ("STI10482", "STI10483", "STI10484"):
        entered.gp.post(number)
    settled = ask(entered, action)
    assert (settled.posted, settled.asked, settled.findings) == (3, False, ())
    assert action.asked == [BATCH]
    assert told(entered) == ["asked", "in_doubt"]


def test_a_program_that_dies_while_gp_posts_does_not_ask_again(entered: Office) -> None:
    """The trail has the request and no answer: that GP was asked is certain enough."""
    action = Action(entered.gp, dies=True, leaves=("STI10484",))
    with pytest.raises(KeyboardInterrupt):
        ask(entered, action)
    assert told(entered) == ["asked"]
    assert entered.stands("STI10482") == "entered", "nobody has looked yet"
    seen = ask(entered, action)
    assert (seen.posted, seen.asked, action.asked) == (2, False, [BATCH])
    assert "STI10484 is not" in seen.findings[0].says


def test_a_run_sees_what_was_posted_too(entered: Office) -> None:
    """Nobody has to ask twice: confirming looks at every unposted document."""
    with pytest.raises(KeyboardInterrupt):
        ask(entered, Action(entered.gp, dies=True))
    entered.run()
    assert entered.stands("STI10483") == "posted"


def test_what_gp_leaves_in_the_batch_is_named(entered: Office) -> None:
    """A closed period, an inactive customer: GP posts the rest."""
    seen = ask(entered, Action(entered.gp, leaves=("STI10483",)))
    assert (seen.posted, [it.code for it in seen.findings]) == (2, ["posting.incomplete"])
    assert "STI10483 is not" in seen.findings[0].says
    assert entered.stands("STI10483") == "entered"


def test_after_a_refusal_an_approver_may_ask_again(entered: Office) -> None:
    """GP did nothing, and said so: somebody had the batch open."""
    assert refused(entered, Action(entered.gp, Held((REFUSED,)), posts=False)) == [REFUSED]
    assert entered.stands("STI10482") == "entered"
    assert ask(entered, Action(entered.gp)).posted == 3
    assert told(entered) == ["asked", "refused", "asked", "answered"]


def not_asked(office: Office, code: str, *words: str) -> None:
    """It is refused for this, and GP is not asked."""
    action = Action(office.gp)
    findings = refused(office, action)
    assert [it.code for it in findings] == [code]
    assert all(word in findings[0].says for word in words), findings[0].says
    assert action.asked == []
    assert told(office) == []


def test_a_strangers_document_in_our_batch_is_not_posted_by_us(entered: Office) -> None:
    """Somebody keyed one in: count and total are not ours."""
    entered.gp.stand(a_document(number="HAND1"), BATCH)
    not_asked(entered, "batch.differs", "foreign HAND1", "GP counts 4, we entered 3")


def test_a_stranger_of_the_same_amount_in_place_of_ours_is_seen(entered: Office) -> None:
    """Count and total agree, and still it is another document."""
    held = entered.gp.held["STI10483"]
    entered.gp.delete("STI10483")
    entered.gp.held["HAND1"] = replace(held, number="HAND1")
    entered.run()  # sees that ours is gone
    not_asked(entered, "batch.differs", "foreign HAND1")


def test_a_document_that_was_changed_in_gp_holds_its_batch(entered: Office) -> None:
    """The look before asking finds the other amount, and holds the document."""
    entered.gp.held["STI10483"] = replace(entered.gp.held["STI10483"], amount=usd("1.00"))
    action = Action(entered.gp)
    codes = {it.code: it for it in refused(entered, action)}
    assert "STI10483 is held" in codes["posting.unready"].says
    assert action.asked == []
    assert entered.codes("STI10483") == ["document.differs"]


def test_a_document_in_doubt_holds_its_batch(entered: Office) -> None:
    """GP may hold one more in it than we know."""
    entered.gp.faults = [Fault.ANSWER_LOST]
    entered.tenant.tells(an_invoice(id=10485, number="10485"))
    entered.run()
    record = next(iter(entered.ledger.documents((stages.InDoubt,), 1)))
    action = Action(entered.gp)
    batch = entered.ledger.opened_batch(record.batch_id)
    assert batch is not None
    confirming = Confirming(COMPANY, entered.gp, entered.ledger, entered.clock)
    with pytest.raises(Interrupted) as stop:
        Posting(batch, confirming, entered.ledger).ask(action, "why")
    assert "STI10485 is in doubt" in stop.value.findings[0].says
    assert action.asked == []


def test_a_batch_that_somebody_posted_already_is_not_asked_for(entered: Office) -> None:
    """The look before asking sees it, and the documents are posted from then on."""
    for number in ("STI10482", "STI10483", "STI10484"):
        entered.gp.post(number)
    not_asked(entered, "posting.unready", "no document of ours stands unposted")
    assert entered.stands("STI10482") == "posted"


def test_a_batch_that_gp_does_not_show_is_not_asked_for(entered: Office) -> None:
    """Somebody moved every document to another batch."""
    for number, held in list(entered.gp.held.items()):
        entered.gp.held[number] = replace(held, batch_id="ELSEWHERE")
    not_asked(entered, "posting.unready", "no document of ours")
    assert [it.batch_id for it in entered.ledger.unposted()] == ["ELSEWHERE"]
    assert entered.ledger.opened_batch("ELSEWHERE") is None


def test_a_document_that_a_person_accepted_does_not_stop_the_batch_by_itself(entered: Office) -> None:
    """Somebody changed its customer in GP, a person took that; count and total are still ours."""
    entered.gp.held["STI10483"] = replace(entered.gp.held["STI10483"], party_id="JONES001")
    entered.run()
    assert entered.codes("STI10483") == ["document.differs"]
    release.accept(entered.docket("STI10483"), "their tenant pays", {COMPANY: entered.gp}, entered.ledger)
    assert ask(entered, Action(entered.gp)).posted == 3
