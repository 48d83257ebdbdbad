"""What the rulebook says of aligning the customers or the vendors of one company with ServiceTitan's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.parties.identity import gp_id
from ml_connector.parties.ownership import Field, FieldRule, Value
from ml_connector.parties.party import Address, Party, Role

ATTRIBUTES: Mapping[Field, str] = {
    Field.NAME: "name",
    Field.ADDRESS: "address",
    Field.PHONE: "phones",
    Field.MAIL: "emails",
    Field.TERMS: "terms",
    Field.ACTIVE: "active",
}
"""How `Party` calls each field."""


@dataclass(frozen=True, slots=True)
class Policy:
    binds_certain: bool
    creates_in_gp: bool
    creates_in_servicetitan: bool
    fields: Mapping[Field, FieldRule]

    def among(self, in_field: Collection[str], in_books: Collection[str]) -> dict[Field, FieldRule]:
        """The rules of the fields that both sides can write, by their names in `Party`."""
        return {
            it: rule for it, rule in self.fields.items() if ATTRIBUTES[it] in in_field and ATTRIBUTES[it] in in_books
        }


def policy_of(rulebook: Rulebook, role: Role, company: str) -> Policy | None:
    """None where the company enters all its invoices under summary customers: then customers are not aligned."""
    option = rulebook.options
    if role is Role.CUSTOMER and option("customer_policy", company) == "summary customer":
        return None
    where = option(f"create_{role.value}s", company)
    return Policy(
        binds_certain=option("bind_certain", company) == "yes",
        creates_in_gp=where in ("in GP", "on both sides"),
        creates_in_servicetitan=where in ("in ServiceTitan", "on both sides"),
        fields=rulebook.party_fields.get(role, {}),
    )


def for_gp(party: Party, company: str, rulebook: Rulebook, turn: int = 0) -> Party | Finding:
    """The party as it is to be made in GP; `turn` counts the ids that turned out to be somebody else's."""
    default = rulebook.default_for(party.role, company, party.type)
    if default is None:
        kind = f"{party.type} {party.role.value}" if party.type else party.role.value
        return Finding(
            "party.no_defaults",
            f"company {company}",
            f"the rulebook does not say which class a {kind} gets that is created in GP",
            "In the rulebook's Party defaults table, add a row for it; import the rulebook, then align again.",
        )
    made = replace(party, id=gp_id(party.name, int(party.id), turn), counterpart=party.id, type=default.gp_class)
    return replace(made, terms=default.terms or "", address_code=default.address_code, merged_to="", modified=None)


def for_servicetitan(party: Party) -> Party:
    """The party as it is to be made in ServiceTitan, which gives it an id. A GP class is no type of ServiceTitan's."""
    return replace(party, id="", counterpart=party.id, type="", on_hold=False, merged_to="", modified=None)


def written(party: Party, values: Mapping[Field, Value]) -> Party:
    """The party with these fields; of several telephones or mail addresses the first is meant, and the rest stay."""
    for field, value in values.items():
        match value:
            case bool():
                party = replace(party, active=value)
            case Address():
                party = replace(party, address=value)
            case str() if field is Field.PHONE:
                party = replace(party, phones=(value, *party.phones[1:]))
            case str() if field is Field.MAIL:
                party = replace(party, emails=(value, *party.emails[1:]))
            case str() if field is Field.TERMS:
                party = replace(party, terms=value)
            case str():
                party = replace(party, name=value)
    return party
