"""Align the customers and vendors of a connection: which companies, under which rules, with nobody else at the tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping.alignment import policy_of
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.parties.matching import Bucket
from ml_connector.parties.party import Role
from ml_connector.parties.records import Binding
from ml_connector.pipeline import release
from ml_connector.pipeline.align import FIELD, Aligned, Aligning
from ml_connector.pipeline.ports import Progress
from ml_connector.runtime.heartbeat import Heartbeat
from ml_connector.runtime.run import busy, tenant_of
from ml_connector.runtime.wiring import Wired
from ml_connector.store.crosswalk import Crosswalk
from ml_connector.store.ledger import Ledger

UNMAPPED = {Role.CUSTOMER: "customer.unmapped", Role.VENDOR: "vendor.unmapped"}


@dataclass(frozen=True, slots=True)
class AlignedRole:
    role: Role
    company: str
    done: Aligned


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """Numbers of parties of one role and company, as the ledger knows them. `servicetitan` is the whole tenant's."""

    role: Role
    company: str
    servicetitan: int
    gp: int
    bound: int
    certain: int  # proposed with certainty, where the rulebook leaves the word to a person
    likely: int
    conflicts: int
    being_created: int
    held: int  # could not be created


def align(
    wired: Wired, progress: Progress, roles: Sequence[Role] = tuple(Role), company: str | None = None
) -> list[AlignedRole]:
    """Both sides are read, bound, created and made equal, as the rulebook says.

    Raises Interrupted where something of the tenant goes on, or a side cannot be reached; what was done stands.
    """
    _, rulebook = wired.rulebook()
    wanted = [it for it in rulebook.companies if company in (None, it)]
    if not wanted:
        raise Interrupted(_company_unknown(str(company), rulebook))
    lease = wired.ledger.hold(tenant_of(wired.settings), wired.settings.lease)
    if lease is None:
        raise Interrupted(busy(wired.settings.name))
    done: list[AlignedRole] = []
    with Heartbeat(lease):
        leased = wired.under(lease)
        for one in wanted:
            for role in roles:
                aligning = _aligning(leased, rulebook, role, one)
                if aligning is not None:
                    done.append(AlignedRole(role, one, aligning.all(progress)))
        for it in done:
            if it.done.bound or it.done.created_in_gp:
                open_what_waited(leased.ledger, rulebook, it.role, it.company)
    return done


def _aligning(wired: Wired, rulebook: Rulebook, role: Role, company: str) -> Aligning | None:
    policy = policy_of(rulebook, role, company)
    if policy is None:
        return None
    return Aligning(
        role=role,
        company=company,
        servicetitan=wired.field_parties(company),
        gp=wired.gp_parties(company),
        crosswalk=wired.ledger.crosswalk(),
        rulebook=rulebook,
        policy=policy,
        clock=wired.clock,
        pause=wired.settings.gp[company].pause,
        taken=taken(rulebook, role),
    )


def taken(rulebook: Rulebook, role: Role) -> Mapping[str, str]:
    """Whom the rulebook's own tables bind: GP's ids by ServiceTitan's."""
    if role is Role.CUSTOMER:
        return {str(id): rule.gp_customer for id, rule in rulebook.customers.items()}
    return {str(id): rule.gp_vendor for id, rule in rulebook.vendors.items()}


def open_what_waited(ledger: Ledger, rulebook: Rulebook, role: Role, company: str) -> int:
    """What was held because its party was bound to none: planned again by the next run, where the rulebook says so.

    Returns how many there are. One whose party is still bound to none is held again.
    """
    waiting = ledger.holds(UNMAPPED[role])
    if waiting and rulebook.options("release_bound", company) == "by itself":
        release.replay(waiting, ledger)
    return len(waiting)


def statuses(crosswalk: Crosswalk, rulebook: Rulebook) -> Iterator[RoleStatus]:
    for company in rulebook.companies:
        for role in Role:
            if policy_of(rulebook, role, company) is None:
                continue
            bound = crosswalk.bindings(role, company)
            open_ = crosswalk.proposals(role, company)
            claims = [*crosswalk.claims(role, company), *crosswalk.claims(role, FIELD)]
            yield RoleStatus(
                role,
                company,
                servicetitan=len(crosswalk.parties(role, FIELD)),
                gp=len(crosswalk.parties(role, company)),
                bound=len(bound),
                certain=sum(it.bucket is Bucket.CERTAIN for it in open_),
                likely=sum(it.bucket is Bucket.LIKELY for it in open_),
                conflicts=sum(it.conflict is not None for it in bound),
                being_created=sum(it.finding is None for it in claims),
                held=sum(it.finding is not None for it in claims),
            )


def the_company(rulebook: Rulebook, company: str | None) -> str:
    """The company that is meant; without a name the only one. Raises Interrupted `party.company`."""
    if company is None and len(rulebook.companies) == 1:
        return next(iter(rulebook.companies))
    if company not in rulebook.companies:
        raise Interrupted(_company_unknown(company or "", rulebook))
    return str(company)


def the_binding(crosswalk: Crosswalk, role: Role, company: str, field_id: str) -> Binding:
    """Raises Interrupted `party.not_bound`."""
    for it in crosswalk.bindings(role, company):
        if it.pair.field_id == field_id:
            return it
    raise Interrupted(
        Finding(
            "party.not_bound",
            f"ServiceTitan {role.value} {field_id}",
            f"it is bound to nobody in {company}",
            "See who is with 'ml-connector parties list'; what a row of the rulebook binds is changed in the rulebook.",
        )
    )


def bound_elsewhere(binding: Binding) -> Finding:
    pair = binding.pair
    return Finding(
        "party.bound_elsewhere",
        f"ServiceTitan {pair.role.value} {pair.field_id}",
        f"it is {pair.gp_id} in {pair.company} already, since {binding.at:%Y-%m-%d}, by {binding.by}",
        "If that is wrong, end it with 'ml-connector parties unbind', and bind it again.",
    )


def _company_unknown(company: str, rulebook: Rulebook) -> Finding:
    known = ", ".join(rulebook.companies)
    says = f"the rulebook has no company '{company}'" if company else "the rulebook has several companies"
    return Finding("party.company", "--company", says, f"Name one of these with --company: {known}.")
