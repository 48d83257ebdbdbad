"""What every `PartyBook` of GP must do besides, over SBA and over the web services alike."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.parties.party import Party, Role
from ml_connector.parties.writing import AlreadyThere, Changed, Made, Unchanged
from ml_connector.sandbox.company.card_records import Card, Customer
from ml_connector.sandbox.faults import Fault
from tests.contract.gp_desk import GpDesk
from tests.contract.parties_contract import ELM, ROLES, PartiesContract, read


class GpPartiesContract(PartiesContract):
    @ROLES
    def test_a_card_has_all_that_gp_tells(self, gp: GpDesk, role: Role) -> None:
        """Ids in capitals, texts without padding, ten digits of a telephone number, the day as midnight UTC."""
        party = gp.book.by_ids(role, [gp.known(role)])[gp.known(role)]
        card = gp.card(role, gp.known(role))
        assert (party.id, party.name) == (card.id.strip(), card.name.strip())
        assert (party.address.street, party.address.city, party.address.country) == (
            card.line1.strip(),
            card.city.strip(),
            "USA",
        )
        assert party.phones == (card.phone1.strip()[:10],)
        assert (party.type, party.terms, party.tax_id) == (
            card.class_id.strip(),
            card.terms.strip(),
            card.tax_id.strip(),
        )
        assert party.modified is not None
        assert (party.modified.date(), party.modified.hour) == (card.modified, 0)
        gp.company.do_put_on_hold(party.id)
        assert gp.book.by_ids(role, [party.id])[party.id].on_hold is True

    @ROLES
    def test_an_update_leaves_alone_what_nobody_mapped(self, gp: GpDesk, role: Role) -> None:
        """Credit limit, balance, comment, account, hold: whatever the transport must send, nothing else changes."""
        id = gp.known(role)
        gp.change(
            role, id, on_hold=True, contact="Pat Doe", account="000-2210-00", user2="ours", phone2="72055501770000"
        )
        before, card = gp.book.by_ids(role, [id])[id], gp.card(role, id)
        ended = gp.book.update(before, replace(before, name="Another Name"))
        assert isinstance(ended, Changed), ended
        after = gp.card(role, id)
        changed = {it.name for it in fields(Card) if getattr(card, it.name) != getattr(after, it.name)}
        assert changed == {"name"}
        if isinstance(card, Customer):
            assert isinstance(after, Customer)
            assert (after.credit_limit, after.balance) == (card.credit_limit, card.balance)

    @ROLES
    def test_an_id_that_is_somebody_elses_is_held(self, gp: GpDesk, role: Role) -> None:
        """GP has another under it: nothing is sent, and both names are told."""
        ended = gp.book.create(gp.wanted(role, id=gp.known(role)))
        assert isinstance(ended, Held), ended
        (finding,) = ended.findings
        assert finding.code == "party.id_taken"
        assert gp.card(role, gp.known(role)).name.strip() in finding.says
        assert gp.writes == 0

    @ROLES
    @pytest.mark.parametrize("id", ["SIXTEENCHARACTER", "small", "ŻÓŁTOWSKI001", " BLANK1", "", "A\tB"])
    def test_an_id_that_gp_could_not_keep_is_held(self, gp: GpDesk, role: Role, id: str) -> None:
        ended = gp.book.create(gp.wanted(role, id=id))
        assert isinstance(ended, Held), ended
        assert [it.code for it in ended.findings] == ["party.id_unfit"]
        assert gp.book.calls == 0

    @ROLES
    def test_the_known_refusals_become_findings_with_a_remedy(self, gp: GpDesk, role: Role) -> None:
        """Class and terms that GP lacks: held, GP quoted, the window named; and nobody is made."""
        for changes, code in (({"type": "NONE"}, "party.class_missing"), ({"terms": "Net 999"}, "party.terms_missing")):
            ended = gp.book.create(gp.wanted(role, **changes))
            assert isinstance(ended, Held), ended
            (finding,) = ended.findings
            assert finding.code == code
            assert finding.remedy.startswith("In GP, Tools > Setup")
            assert gp.standing(role, "Larkspur Yoga Studio") == 0

    @ROLES
    def test_a_card_that_is_open_elsewhere_is_tried_again_later(self, gp: GpDesk, role: Role) -> None:
        id = gp.known(role)
        before = gp.book.by_ids(role, [id])[id]
        gp.company.do_lock_card(id)
        after = replace(before, name="Another Name")
        assert isinstance(gp.book.update(before, after), Deferred)
        gp.company.do_lock_card(id, locked=False)
        assert isinstance(gp.book.update(before, after), Changed)

    @ROLES
    def test_the_class_gives_the_terms_that_are_not_given(self, gp: GpDesk, role: Role) -> None:
        made = gp.book.create(gp.wanted(role, terms=""))
        assert isinstance(made, Made), made
        assert gp.book.by_ids(role, [made.id])[made.id].terms == "Net 30"

    @ROLES
    def test_somebody_without_an_address_is_made_and_gets_one_later(self, gp: GpDesk, role: Role) -> None:
        """A card of a name alone has no address code; the first address brings the code with it."""
        bare = Party(role, "BARE0001", "Bare Name", type=gp.wanted(role).type)
        assert isinstance(gp.book.create(bare), Made)
        there = gp.book.by_ids(role, ["BARE0001"])["BARE0001"]
        ended = gp.book.update(there, replace(there, address=ELM, phones=("3035550199",)))
        assert isinstance(ended, Changed), ended
        after = gp.book.by_ids(role, ["BARE0001"])["BARE0001"]
        assert (after.address, after.phones) == (ELM, ("3035550199",))
        assert gp.card(role, "BARE0001").address_code.strip() == "PRIMARY"

    @ROLES
    def test_the_address_stands_under_the_code_of_the_rulebook(self, gp: GpDesk, role: Role) -> None:
        made = gp.book.create(gp.wanted(role, address_code="MAIN"))
        assert isinstance(made, Made), made
        assert gp.card(role, made.id).address_code.strip() == "MAIN"

    @ROLES
    def test_telephone_numbers_are_replaced_in_their_places_and_none_is_blanked(self, gp: GpDesk, role: Role) -> None:
        id = gp.known(role)
        gp.change(role, id, phone1="30355501010000", phone2="30355501020012")
        before = gp.book.by_ids(role, [id])[id]
        assert before.phones == ("3035550101", "30355501020012")
        assert isinstance(gp.book.update(before, replace(before, phones=("7205550103",))), Changed)
        card = gp.card(role, id)
        assert (card.phone1.strip(), card.phone2.strip()) == ("72055501030000", "30355501020012")
        there = gp.book.by_ids(role, [id])[id]
        assert isinstance(gp.book.update(there, replace(there, phones=())), Unchanged)

    @ROLES
    def test_a_day_set_back_on_somebodys_screen_is_still_read(self, gp: GpDesk, role: Role) -> None:
        """Bookkeepers set GP's date back to the end of the month: the change carries that day, and comes all the same."""
        gp.edit(role, gp.known(role), name="Edited Today")
        _, place = read(gp.book, role, None)
        assert place == "2026-03-20"
        gp.clock.days_back = 5
        gp.edit(role, gp.known(role), name="Edited On The Fifteenth")
        after, _ = read(gp.book, role, place)
        assert after[gp.known(role)].name == "Edited On The Fifteenth"

    @ROLES
    def test_a_day_in_the_future_does_not_hide_what_comes_before_it(self, gp: GpDesk, role: Role) -> None:
        """Somebody's screen is a year ahead: GP's day is not believed beyond today."""
        gp.clock.days_back = -365
        gp.edit(role, gp.known(role), name="Edited Next Year")
        _, place = read(gp.book, role, None)
        assert place == "2026-03-20"

    @ROLES
    @pytest.mark.parametrize(
        "fault",
        [Fault.SERVER_ERROR, Fault.ERROR_AFTER, Fault.HTML_WITH_200, Fault.TRUNCATED_JSON],
        ids=lambda it: it.value,
    )
    def test_an_answer_that_is_none_leaves_a_create_in_doubt_and_nobody_twice(
        self, gp: GpDesk, role: Role, fault: Fault
    ) -> None:
        gp.suffer(fault)
        first = gp.book.create(gp.wanted(role))
        assert isinstance(first, InDoubt | Made), first
        again = gp.book.create(gp.wanted(role))
        assert isinstance(again, AlreadyThere | Made), again
        assert gp.standing(role, "Larkspur Yoga Studio") == 1

    @ROLES
    def test_a_reading_that_is_cut_off_is_given_up(self, gp: GpDesk, role: Role) -> None:
        """Trouble that stays is told; nothing is taken for the whole."""
        gp.suffer(Fault.SERVER_ERROR, on="read", times=10)
        with pytest.raises(Interrupted):
            read(gp.book, role, None)
