"""Customers and vendors in the contract's types, both ways: from a card to its members, and from what was sent to a card.

A card has one address here, under its default address code. An update overwrites the card with what is sent, blanks
included; an address that is not sent at all stays, as only `DeleteOnUpdate` would delete it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ml_connector.sandbox.company.card_records import Card, CardChange, Customer, Vendor
from ml_connector.sandbox.company.soap_contract import Members, Node
from ml_connector.sandbox.company.soap_reading import find, money, rows, text
from ml_connector.sandbox.company.soap_rows import Rows

ADDRESS = ("address_code", "contact", "line1", "line2", "city", "state", "zip", "country", "phone1", "phone2", "phone3")
_LINES = {"line1": "Line1", "line2": "Line2", "city": "City", "state": "State", "zip": "PostalCode"}


class CardRows(Rows):
    """The rows of one company, those of the cards too."""

    def customer_summary(self, customer: Customer) -> Members:
        return {
            "Key": self._key(customer.id),
            "Name": customer.name.strip(),
            "IsActive": customer.active,
            "IsOnHold": customer.on_hold,
            "CustomerClassKey": self._optional_key(customer.class_id),
            "State": customer.state.strip(),
            "PhoneNumbers": [phone for phone in _phones(customer) if phone],
            "CreatedDate": customer.created,
            "ModifiedDate": customer.modified,
            "LastModifiedDate": customer.modified,
        }

    def customer(self, customer: Customer) -> Members:
        limit = customer.credit_limit
        return {
            **self._card(customer),
            "DefaultAddressKey": self._address_key(customer),
            "BillToAddressKey": self._address_key(customer),
            "BalanceType": "Open Item",
            "CreditLimit": {"SpecialAmount": "Unlimited Credit"} if limit is None else {"Amount": self._money(limit)},
            "PostResultsTo": "Receivables/Discount Account",
            "TaxRegistrationNumber": customer.tax_id.strip(),
            "AccountsReceivableGLAccountKey": self._account_key(customer.account) if customer.account else None,
            "LastModifiedDate": customer.modified,
        }

    def vendor_summary(self, vendor: Vendor) -> Members:
        return {
            "Key": self._key(vendor.id),
            "Name": vendor.name.strip(),
            "ClassKey": self._optional_key(vendor.class_id),
            "State": vendor.state.strip(),
            "PhoneNumbers": [phone for phone in _phones(vendor) if phone],
            "CreatedDate": vendor.created,
            "ModifiedDate": vendor.modified,
            "IsOnHold": vendor.on_hold,
            "IsActive": vendor.active,
            "IsOneTime": False,
        }

    def vendor(self, vendor: Vendor) -> Members:
        return {
            **self._card(vendor),
            "IsOneTime": False,
            "DefaultAddressKey": self._address_key(vendor),
            "RemitToAddressKey": self._address_key(vendor),
            "Tax1099Type": "Miscellaneous" if vendor.is_1099 else "None",
            "PostResultsTo": "Payables/Discount Account",
            "TaxIdentificationNumber": vendor.tax_id.strip(),
            "AccountsPayableGLAccountKey": self._account_key(vendor.account) if vendor.account else None,
        }

    def changed_key(self, change: CardChange) -> Members:
        return {
            "LastModifiedDate": change.day,
            "LastModifiedBy": change.by.rpartition("\\")[2],
            "Action": change.action.value,
            "CompanyKey": self._company_key,
            "Id": change.id,
        }

    def _card(self, card: Card) -> dict[str, Any]:
        return {
            "Key": self._key(card.id),
            "IsOnHold": card.on_hold,
            "IsActive": card.active,
            "Name": card.name.strip(),
            "ClassKey": self._optional_key(card.class_id),
            "Comment1": card.comment.strip(),
            "PaymentTermsKey": self._optional_key(card.terms),
            "CurrencyKey": self._currency_key,
            "CreatedDate": card.created,
            "ModifiedDate": card.modified,
            "UserDefined1": card.user1.strip(),
            "UserDefined2": card.user2.strip(),
            "Addresses": [self._address(card)] if card.address_code.strip() else [],
        }

    def _address(self, card: Card) -> Members:
        phones = dict(zip(("Phone1", "Phone2", "Phone3"), _phones(card), strict=True))
        return {
            **{member: getattr(card, name).strip() for name, member in _LINES.items()},
            "CountryRegion": card.country.strip(),
            **phones,
            "Name": card.name.strip(),
            "ContactPerson": card.contact.strip(),
            "CreatedDate": card.created,
            "ModifiedDate": card.modified,
            "LastModifiedDate": card.modified,
            "InternetAddresses": {"EmailToAddress": card.email.strip()} if card.email.strip() else None,
            "Key": self._address_key(card),
        }

    def _address_key(self, card: Card) -> Members | None:
        if not card.address_code.strip():
            return None
        party = "CustomerKey" if isinstance(card, Customer) else "VendorKey"
        return {**self._key(card.address_code), party: self._key(card.id)}


def values(of: type[Card], sent: Node | None, standing: Card | None) -> dict[str, Any]:
    """The card that a create or an update carries, by the names of its record. `standing` is what it changes."""
    receivable = of is Customer
    tax = "TaxRegistrationNumber" if receivable else "TaxIdentificationNumber"
    account = "AccountsReceivableGLAccountKey" if receivable else "AccountsPayableGLAccountKey"
    told: dict[str, Any] = {
        "id": text(sent, "Key/Id"),
        "name": text(sent, "Name"),
        "class_id": text(sent, "ClassKey/Id"),
        "account": text(sent, f"{account}/Id"),
        "active": _flag(sent, "IsActive", True),
        "on_hold": _flag(sent, "IsOnHold", False),
        "tax_id": text(sent, tax),
        "terms": text(sent, "PaymentTermsKey/Id"),
        "user1": text(sent, "UserDefined1"),
        "user2": text(sent, "UserDefined2"),
        "comment": text(sent, "Comment1"),
        **_address_of(sent, standing),
    }
    if receivable:
        no_credit = text(sent, "CreditLimit/SpecialAmount") == "No Credit"
        told["credit_limit"] = Decimal("0.00") if no_credit else money(sent, "CreditLimit/Amount")
    else:
        told["is_1099"] = text(sent, "Tax1099Type") not in ("", "None")
    return told


def _address_of(sent: Node | None, standing: Card | None) -> dict[str, Any]:
    code = text(sent, "DefaultAddressKey/Id")
    addresses = list(rows(sent, "Addresses"))
    address = next((it for it in addresses if text(it, "Key/Id").upper() == code.upper()), None)
    if address is None and standing is not None and not addresses:
        return {name: getattr(standing, name) for name in (*ADDRESS, "email")}
    return {
        "address_code": code,
        **{name: text(address, member) for name, member in _LINES.items()},
        "country": text(address, "CountryRegion"),
        "contact": text(address, "ContactPerson"),
        **{f"phone{n}": text(address, f"Phone{n}/Value") for n in (1, 2, 3)},
        "email": text(address, "InternetAddresses/EmailToAddress"),
    }


def _phones(card: Card) -> list[Members | None]:
    return [{"Value": it.strip()} if it.strip() else None for it in (card.phone1, card.phone2, card.phone3)]


def _flag(sent: Node | None, path: str, default: bool) -> bool:
    return default if find(sent, path) is None else text(sent, path) in ("true", "1")
