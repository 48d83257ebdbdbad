"""Customers and vendors over the sandbox's web services, asked by zeep; every message is held against the legacy contract."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from zeep.exceptions import Fault as SoapFault

from ml_connector.sandbox import town
from ml_connector.sandbox.company.card_records import Card
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.neighbourhood import Neighbourhood
from tests.wire.test_soap_sandbox import Gp, day, ids, serving

MARIA, FERGUSON, OVER_LIMIT = "SMITH001", "FERGUSON0001", town.CUSTOMERS[7].gp_id
NEVER = day("0001-01-01")
TODAY = day("2026-03-20")
NOUNS = pytest.mark.parametrize("noun", ["Customer", "Vendor"])


@pytest.fixture
def gp() -> Iterator[Gp]:
    with serving() as it:
        yield it


def tell(gp: Gp, operation: str, card: Any) -> Any:
    policy = gp.call("GetPolicyByOperation", operation=operation)
    part = operation.removeprefix("Create").removeprefix("Update").lower()
    return gp.call(operation, policy=policy, **{part: card})


def refused(gp: Gp, operation: str, card: Any) -> set[str]:
    """What GP has against a card, from its log."""
    with pytest.raises(SoapFault, match="A validation exception has occurred") as caught:
        tell(gp, operation, card)
    return {error.Message for error in gp.logged(caught.value)}


def a_card(noun: str, id: str = "NEW0001", **members: Any) -> dict[str, Any]:
    key = {f"{noun}Key": {"Id": id}, "Id": "PRIMARY"}
    results = "Receivables/Discount Account" if noun == "Customer" else "Payables/Discount Account"
    address = {
        "Line1": "1 Elm St",
        "City": "Denver",
        "State": "CO",
        "PostalCode": "80205",
        "CountryRegion": "USA",
        "Phone1": {"Value": "30355501880000"},
        "InternetAddresses": {"EmailToAddress": "new@example.com"},
        "CreatedDate": NEVER,
        "ModifiedDate": NEVER,
        "Key": key,
    }
    dates = {"CreatedDate": NEVER, "ModifiedDate": NEVER}
    if noun == "Customer":
        dates["LastModifiedDate"] = NEVER
    return {
        "Key": {"Id": id},
        "Name": "Newcomer & Sons",
        "ClassKey": {"Id": "COMMERCIAL" if noun == "Customer" else "TRADE"},
        "DefaultAddressKey": key,
        "PostResultsTo": results,
        "Addresses": {f"{noun}Address": [address]},
        **dates,
        **members,
    }


def standing(gp: Gp, noun: str, id: str) -> Card:
    (card,) = (gp.company.customers if noun == "Customer" else gp.company.vendors)([id])
    return card


@NOUNS
def test_a_card_is_made_whole_and_read_back(gp: Gp, noun: str) -> None:
    """The answer is empty; address, telephone, e-mail and class stand in the card, and the class gives the terms."""
    assert tell(gp, f"Create{noun}", a_card(noun)) is None
    card = gp.call(f"Get{noun}ByKey", key={"Id": "new0001"})
    (address,) = getattr(card.Addresses, f"{noun}Address")
    assert (card.Key.Id, card.Name, card.IsActive, card.IsOnHold) == ("NEW0001", "Newcomer & Sons", True, False)
    assert (address.Line1, address.City, address.Phone1.Value) == ("1 Elm St", "Denver", "30355501880000")
    assert address.InternetAddresses.EmailToAddress == "new@example.com"
    assert card.PaymentTermsKey.Id == "Net 30"
    assert (card.ModifiedDate, card.CreatedDate) == (TODAY, TODAY)


@NOUNS
def test_a_card_is_refused_with_every_reason_and_not_made(gp: Gp, noun: str) -> None:
    wrong = a_card(
        noun, MARIA if noun == "Customer" else FERGUSON, ClassKey={"Id": "NONE"}, PaymentTermsKey={"Id": "Net 999"}
    )
    assert refused(gp, f"Create{noun}", wrong) == {
        f"{noun} already exists: {MARIA if noun == 'Customer' else FERGUSON}",
        f"{noun} class does not exist: NONE",
        "Payment terms do not exist: Net 999",
    }
    no_code = a_card(noun, DefaultAddressKey=None)
    assert refused(gp, f"Create{noun}", no_code | {"Name": ""}) == {"Required field name is missing or empty."}
    too_long = a_card(noun, "NEW0002", Name="x" * 65)
    (says,) = refused(gp, f"Create{noun}", too_long)
    assert "longer than 64" in says
    assert not {"NEW0001", "NEW0002"} & set(ids(gp.call(f"Get{noun}List", criteria={"Scope": "Return All"})))


@NOUNS
def test_what_was_read_and_sent_back_changes_nothing_but_what_was_changed(gp: Gp, noun: str) -> None:
    """Read, modify, write: the way that keeps a card."""
    id = OVER_LIMIT if noun == "Customer" else FERGUSON
    before = standing(gp, noun, id)
    card = gp.call(f"Get{noun}ByKey", key={"Id": id})
    card.Name = "Another Name"
    tell(gp, f"Update{noun}", card)
    after = standing(gp, noun, id)
    assert after.name.strip() == "Another Name"
    changed = {name for name in Card.__dataclass_fields__ if getattr(before, name) != getattr(after, name)}
    assert changed == {"name", "modified"}
    if noun == "Customer":
        assert gp.call("GetCustomerByKey", key={"Id": id}).CreditLimit.Amount.Value == Decimal("500.00")


@NOUNS
def test_an_update_that_leaves_fields_blank_blanks_them(gp: Gp, noun: str) -> None:
    """eConnect's document exchange: whoever sends only a name loses class, terms, comment and the hold."""
    id = MARIA if noun == "Customer" else "HOMEDEPOT0001"
    bare = {name: value for name, value in a_card(noun, id).items() if name not in ("ClassKey", "Addresses")}
    tell(gp, f"Update{noun}", bare | {"DefaultAddressKey": None})
    after = standing(gp, noun, id)
    assert (after.class_id.strip(), after.terms.strip(), after.comment.strip()) == ("", "", "")
    assert after.on_hold is False
    assert after.line1.strip(), "an address that is not sent at all stays"


def test_who_is_not_there_or_open_elsewhere_is_not_changed(gp: Gp) -> None:
    assert refused(gp, "UpdateCustomer", a_card("Customer", "NOBODY")) == {"Customer does not exist: NOBODY"}
    gp.company.do_lock_card(MARIA)
    (says,) = refused(gp, "UpdateCustomer", a_card("Customer", MARIA))
    assert "currently being edited" in says
    gp.company.do_lock_card(MARIA, locked=False)
    tell(gp, "UpdateCustomer", a_card("Customer", MARIA))


def test_a_card_without_its_policy_is_refused(gp: Gp) -> None:
    """Each operation has its own: the one of the create does not do for the update."""
    policy = gp.call("GetPolicyByOperation", operation="CreateCustomer")
    assert "policy" in gp.refusal("UpdateCustomer", policy=policy, customer=a_card("Customer", MARIA)).message


@NOUNS
def test_cards_are_found_by_the_day_on_which_they_changed(gp: Gp, noun: str) -> None:
    """ModifiedDate is a day: From and To both belong to the range."""
    deed = gp.company.do_edit_customer if noun == "Customer" else gp.company.do_edit_vendor
    id = MARIA if noun == "Customer" else FERGUSON
    deed(id, name="Edited By Hand")
    between = {"Scope": "Return All", "ModifiedDate": {"From": TODAY, "To": TODAY}}
    assert ids(gp.call(f"Get{noun}List", criteria=between)) == [id]
    before = {"Scope": "Return All", "ModifiedDate": {"LessThan": TODAY}}
    assert id not in ids(gp.call(f"Get{noun}List", criteria=before))


def test_the_changed_keys_of_customers_tell_who_was_deleted(gp: Gp) -> None:
    """The only place where a deletion shows; a customer with documents cannot be deleted."""
    tell(gp, "CreateCustomer", a_card("Customer"))
    gp.company.do_edit_customer(MARIA, name="M. Smith")
    assert gp.company.do_delete_customer("OLDMILL001") == {}
    told = gp.call("GetChangedCustomerKeyList", criteria={"LastModifiedDate": {"From": TODAY}})
    assert {it.Id: it.Action for it in told} == {"NEW0001": "Created", MARIA: "Updated", "OLDMILL001": "Deleted"}
    deleted = gp.call("GetChangedCustomerKeyList", criteria={"Action": {"EqualValue": "Deleted"}})
    assert [(it.Id, it.LastModifiedBy) for it in deleted] == [("OLDMILL001", "sa")]
    gp.company.do_enter_by_hand("receivables-invoice", "H1", "CHERRYDENT001", "10.00", "2026-03-14")
    assert gp.company.do_delete_customer("CHERRYDENT001")["refused"]


@pytest.mark.parametrize(("fault", "made"), [(Fault.ANSWER_LOST_AFTER, 1), (Fault.ANSWER_LOST_BEFORE, 0)])
def test_an_answer_to_a_card_may_be_lost(gp: Gp, fault: Fault, made: int) -> None:
    policy = gp.call("GetPolicyByOperation", operation="CreateVendor")
    gp.application.faults.order(fault, path="CreateVendor")
    with pytest.raises(Exception, match=r"."):
        gp.call("CreateVendor", policy=policy, vendor=a_card("Vendor"))
    assert len(gp.company.vendors(["NEW0001"])) == made


def test_a_whole_neighbourhood_is_served_in_the_contracts_terms() -> None:
    """A thousand cards, cut to what one list gives; each of a sample is read by its key and validates."""
    with serving(around=Neighbourhood(1500, 80)) as gp:
        assert len(gp.call("GetCustomerList", criteria={"Scope": "Return All"})) == 1000
        for id in [it.id for it in Neighbourhood(1500, 80).customers.books[:60]]:
            assert gp.call("GetCustomerByKey", key={"Id": id}).Key.Id == id
        for row in gp.call("GetVendorList", criteria={"Scope": "Return All"}):
            assert gp.call("GetVendorByKey", key={"Id": row.Key.Id}).Name == row.Name
