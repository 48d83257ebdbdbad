"""What may be sent to the shop about customers and vendors: the request models of the official OpenAPI documents.

Fields that a model does not have are ignored without a word, as live tenants do; a field of the wrong type is refused
and named. In a change, what is left out stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ml_connector.sandbox.shop_parties import Hung, Place
from ml_connector.sandbox.shop_shelf import BadQuery

CustomerType = Literal["Residential", "Commercial"]
ContactType = Literal["Phone", "Email", "Fax", "MobilePhone"]
Delivery = Literal[
    "Manual",
    "EmailAsExcel",
    "EmailAsPdf",
    "EmailAsPdfRollupView",
    "Electronic",
    "MarkAsSent",
    "EmailAsExcelAndPdf",
    "VendorPortal",
]
FormT = TypeVar("FormT", bound="Form")

_AT = re.compile(r"^(.*) - at `\$\.?(.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(\w+)`")
_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class Form(msgspec.Struct, rename="camel", kw_only=True):
    """A piece of a request."""


class AddressForm(Form, kw_only=True):
    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str
    latitude: Decimal | None = None
    longitude: Decimal | None = None

    def place(self) -> Place:
        return Place(
            self.street, self.unit or None, self.city, self.state, self.zip, self.country, self.latitude, self.longitude
        )


class WholeAddressForm(AddressForm, kw_only=True):
    """The address in a change of a customer: everything must be there, coordinates too."""

    unit: str
    latitude: Decimal
    longitude: Decimal


class VendorAddressForm(AddressForm, kw_only=True):
    unit: str


class HungForm(Form, kw_only=True):
    key: str
    value: str


class HangForm(Form, kw_only=True):
    application_guid: str
    external_data: list[HungForm]

    def hung(self) -> tuple[Hung, ...]:
        guid = _guid(self.application_guid)
        return tuple(Hung(guid, it.key, it.value) for it in self.external_data)


class HungChangeForm(Form, kw_only=True):
    key: str
    value: str | None = None


class HangChangeForm(Form, kw_only=True):
    """`Replace` puts what is sent in place of all that this application hung; `Merge` changes only the keys that are
    sent, and a key without a value is taken away."""

    patch_mode: Literal["Replace", "Merge"] | None = None
    application_guid: str
    external_data: list[HungChangeForm]

    def changed(self, hung: Iterable[Hung]) -> tuple[Hung, ...]:
        guid = _guid(self.application_guid)
        sent = {it.key: it.value for it in self.external_data}
        kept = [it for it in hung if it.guid != guid or (self.patch_mode == "Merge" and it.key not in sent)]
        return (*kept, *(Hung(guid, key, value) for key, value in sent.items() if value is not None))


class ContactForm(Form, kw_only=True):
    type: ContactType
    value: str
    memo: str | None = None


class ContactChangeForm(Form, kw_only=True):
    type: ContactType | UnsetType = UNSET
    value: str | UnsetType = UNSET
    memo: str | UnsetType = UNSET


class LocationForm(Form, kw_only=True):
    name: str
    address: AddressForm
    contacts: list[ContactForm] | None = None
    external_data: HangForm | None = None


class CustomerForm(Form, kw_only=True):
    name: str
    type: CustomerType | None = None
    do_not_mail: bool | None = None
    do_not_service: bool | None = None
    national_account: bool | None = None
    locations: list[LocationForm]
    address: AddressForm
    contacts: list[ContactForm] | None = None
    tag_type_ids: list[int] | None = None
    external_data: HangForm | None = None
    tax_exempt: bool | None = None
    payment_term_id: int | None = None
    credit_limit: Decimal | None = None
    credit_limit_balance: Decimal | None = None


class CustomerChangeForm(Form, kw_only=True):
    name: str | UnsetType = UNSET
    type: CustomerType | UnsetType = UNSET
    address: WholeAddressForm | UnsetType = UNSET
    external_data: HangChangeForm | UnsetType = UNSET
    do_not_mail: bool | UnsetType = UNSET
    do_not_service: bool | UnsetType = UNSET
    national_account: bool | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    tag_type_ids: list[int] | UnsetType = UNSET
    tax_exempt: bool | UnsetType = UNSET
    payment_term_id: int | UnsetType = UNSET
    credit_limit: Decimal | UnsetType = UNSET
    credit_limit_balance: Decimal | UnsetType = UNSET


class VendorForm(Form, kw_only=True):
    name: str
    active: bool
    memo: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    email: str | None = None
    fax: str | None = None
    is_truck_replenishment: bool
    delivery_option: Delivery | None = None
    tax_rate: Decimal
    restricted_mobile_creation: bool
    payment_term_id: int | None = None
    address: VendorAddressForm
    external_data: HangForm | None = None


class VendorChangeForm(Form, kw_only=True):
    name: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    memo: str | UnsetType = UNSET
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    fax: str | UnsetType = UNSET
    is_truck_replenishment: bool | UnsetType = UNSET
    delivery_option: Delivery | UnsetType = UNSET
    tax_rate: Decimal | UnsetType = UNSET
    restricted_mobile_creation: bool | UnsetType = UNSET
    payment_term_id: int | UnsetType = UNSET
    address: VendorAddressForm | UnsetType = UNSET
    external_data: HangChangeForm | UnsetType = UNSET


def read(body: bytes, form: type[FormT]) -> FormT:
    """The form in a body; `BadQuery` names the field that does not fit."""
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as bad:
        found = _AT.match(str(bad))
        says, place = found.groups() if found else (str(bad), "")
        missing = _MISSING.search(says)
        name = ".".join(filter(None, (place, missing[1] if missing else "")))
        raise BadQuery(name or "body", says) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise BadQuery("body", str(bad)) from None


def required(name: str, text: str) -> str:
    if not text.strip():
        raise BadQuery(name, "The value is required.")
    return text


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise BadQuery("externalData.applicationGuid", "The value is not a guid.")
    return text.lower()
