"""Customers and vendors in both dialects of SBA: the same cards under different names, and changed in different ways."""

from __future__ import annotations

from collections.abc import Mapping

from ml_connector.sandbox.company.dialect import Changes, Resource

_ADDRESS_ONE: Mapping[str, str] = {
    "address_code": "AddressCode",
    "contact": "ContactPerson",
    "line1": "Address1",
    "line2": "Address2",
    "city": "City",
    "state": "State",
    "zip": "PostalCode",
    "country": "Country",
    "phone1": "Phone1",
    "phone2": "Phone2",
    "phone3": "Phone3",
    "email": "EmailAddress",
    "terms": "PaymentTerms",
    "user1": "UserDefined1",
    "user2": "UserDefined2",
    "comment": "Comment",
    "created": "CreatedDate",
    "modified": "ModifiedDate",
}
_ADDRESS_TWO: Mapping[str, str] = {
    "address_code": "AddrId",
    "contact": "Contact",
    "line1": "Addr1",
    "line2": "Addr2",
    "city": "City",
    "state": "StateProv",
    "zip": "Zip",
    "country": "CountryName",
    "phone1": "Tel1",
    "phone2": "Tel2",
    "terms": "TermsId",
    "user1": "UserDef1",
    "comment": "Note",
    "modified": "LastModified",
}
_PARAMETERS = {
    "ids": ("id", "in"),
    "idFrom": ("id", "ge"),
    "idTo": ("id", "le"),
    "modifiedFrom": ("modified", "ge"),
    "modifiedTo": ("modified", "le"),
}

CUSTOMERS_ONE = Resource(
    path="Sales/Customers",
    key=("id",),
    fields={
        "id": "CustomerNumber",
        "name": "CustomerName",
        "class_id": "CustomerClass",
        "account": "AccountsReceivableAccount",
        "active": "Active",
        "on_hold": "Hold",
        "tax_id": "TaxRegistration",
        "credit_limit": "CreditLimit",  # null: no limit
        "balance": "CustomerBalance",
        **_ADDRESS_ONE,
    },
    changes=Changes.ONLY,
)
VENDORS_ONE = Resource(
    path="Purchasing/Vendors",
    key=("id",),
    fields={
        "id": "VendorNumber",
        "name": "VendorName",
        "class_id": "VendorClass",
        "account": "AccountsPayableAccount",
        "active": "Active",
        "on_hold": "Hold",
        "is_1099": "Is1099Vendor",
        "tax_id": "TaxIdNumber",
        **_ADDRESS_ONE,
    },
    changes=Changes.ONLY,
)
CUSTOMERS_TWO = Resource(
    path="Dynamics/Sales/Customers",
    key=("id",),
    fields={
        "id": "CustomerId",
        "name": "Name",
        "class_id": "ClassId",
        "account": "ReceivablesAcct",
        "active": "IsActive",
        "on_hold": "OnHold",
        "tax_id": "TaxRegNo",
        "credit_limit": "CreditLimitAmt",
        "balance": "Balance",
        **_ADDRESS_TWO,
    },
    parameters=_PARAMETERS,
    changes=Changes.WHOLE,
)
VENDORS_TWO = Resource(
    path="Dynamics/Purchasing/Vendors",
    key=("id",),
    fields={
        "id": "VendorId",
        "name": "Name",
        "class_id": "ClassId",
        "account": "PayablesAcct",
        "active": "IsActive",
        "on_hold": "OnHold",
        "is_1099": "Ten99",
        "tax_id": "TaxId",
        **_ADDRESS_TWO,
    },
    parameters=_PARAMETERS,
    changes=Changes.WHOLE,
)
