"""The rulebook's accounts and tax details against GP's: their form, whether they are there, and whether they can be used.

GP's accounts are looked at and never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml_connector.books.account import AccountFormat, AccountNumber
from ml_connector.books.facts import AccountCard
from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import AccountRule, CompanyRule, Rulebook, fold

IMPORT = "import the rulebook, then run the check again."
SHOWN = 3  # examples


def form(rule: CompanyRule, told: AccountFormat | None, chart: Mapping[str, AccountCard]) -> str | Sequence[Finding]:
    """The account format of the Companies table against what GP tells of it; where GP does not, against the chart."""
    if told is not None:
        findings = list(_against_format(rule, told))
        return findings or f"{told}, in the rulebook and in GP"
    if not chart:
        return [_no_chart(rule)]
    findings = list(_against_chart(rule, chart))
    return findings or f"{rule.account_format}, in the rulebook and in all {len(chart)} accounts of the chart"


def named(rulebook: Rulebook, rule: CompanyRule, chart: Mapping[str, AccountCard]) -> str | Sequence[Finding]:
    """Every account that the rulebook names for the company, and every value of a segment."""
    if not chart:
        return [_no_chart(rule)]
    accounts = list(_accounts(rulebook, rule))
    findings = [finding for it in accounts for finding in _usable(it, chart)]
    findings += _segments(rulebook, rule, chart)
    return findings or f"{len(accounts)} accounts of the rulebook are there, active, and allow entry"


def tax_details(rulebook: Rulebook, known: frozenset[str], alone: bool) -> str | Sequence[Finding]:
    """`alone`: the rulebook names no other company, to which a row might belong."""
    lacking = {it.tax_detail: it.row for it in reversed(list(rulebook.taxes.values())) if it.tax_detail not in known}
    findings = [
        Finding(
            "tax_detail.missing",
            f"table Taxes, row {row}, column tax_detail",
            f"GP has no tax detail {detail}",
            f"In GP, create {detail} (Tools > Setup > Company > Tax Details), or correct the Taxes table; {IMPORT}",
            warns=not alone,
        )
        for detail, row in sorted(lacking.items(), key=lambda item: item[1])
    ]
    return (
        findings
        or f"{len({it.tax_detail for it in rulebook.taxes.values()})} of the rulebook are among GP's {len(known)}"
    )


# The form


def _against_format(rule: CompanyRule, told: AccountFormat) -> Iterator[Finding]:
    ours, where = rule.account_format, f"table Companies, company {rule.company}, column "
    if ours.lengths != told.lengths:
        yield Finding(
            "account.format",
            f"{where}account_format",
            f"the rulebook says {ours}, and GP has {told}",
            f"In the rulebook's Companies table, write account_format as '{told}'; {IMPORT}",
        )
        return
    position = told.names.index(told.main)
    if ours.names.index(ours.main) != position:
        yield Finding(
            "account.format",
            f"{where}main_segment",
            f"the rulebook's main segment is '{ours.main}', and GP's is number {position + 1}, '{told.main}'",
            f"In the rulebook's Companies table, write main_segment as '{ours.names[position]}'; {IMPORT}",
        )
    other = [
        f"{number} is '{mine}' and '{theirs}'"
        for number, (mine, theirs) in enumerate(zip(ours.names, told.names, strict=True), 1)
        if fold(mine) != fold(theirs)
    ]
    if other:
        yield Finding(
            "account.segment_names",
            f"{where}account_format",
            f"segments have other names in the rulebook than in GP: {'; '.join(other)}",
            "See that they are meant the same, for two of one length could be swapped; then call them in account_format as GP "
            f"does, and rename the 'segment …' columns with them; {IMPORT}",
            warns=True,
        )


def _against_chart(rule: CompanyRule, chart: Mapping[str, AccountCard]) -> Iterator[Finding]:
    ours = rule.account_format
    misfits = [card.number for card in chart.values() if ours.misfit(card.number)]
    if not misfits:
        return
    none_fits = len(misfits) == len(chart)
    shapes = Counter(tuple(len(segment) for segment in number.segments) for number in misfits)
    lengths = ", ".join(map(str, shapes.most_common(1)[0][0]))
    examples = ", ".join(str(number) for number in misfits[:SHOWN])
    yield Finding(
        "account.format",
        f"table Companies, company {rule.company}, column account_format",
        f"the rulebook says {ours}, and {'none' if none_fits else f'{len(misfits)}'} of the {len(chart)} accounts of GP's "
        f"chart {'fits' if none_fits else 'do not fit'}: most of these have segments of {lengths} characters, as {examples}",
        f"In the rulebook's Companies table, write account_format as GP has it (Tools > Setup > Company > Account Format); "
        f"{IMPORT}"
        if none_fits
        else "Nothing is needed, unless the rulebook is to use one of these accounts.",
        warns=not none_fits,
    )


# What is named


@dataclass(frozen=True, slots=True)
class _Named:
    account: AccountNumber
    where: str
    surely: bool = True  # it is meant for this company, not perhaps for another one


def _accounts(rulebook: Rulebook, rule: CompanyRule) -> Iterator[_Named]:
    alone = len(rulebook.companies) == 1
    for column, account in (
        ("receivables_account", rule.receivables_account),
        ("payables_account", rule.payables_account),
    ):
        yield _Named(account, f"table Companies, company {rule.company}, column {column}")
    for row in rulebook.accounts:
        of = _company_of(row, rulebook)
        if row.account and of in ("", rule.company) and (alone or not rule.account_format.misfit(row.account)):
            yield _Named(row.account, f"table Accounts, row {row.row}, column account", alone or bool(of))
    for tax in rulebook.taxes.values():
        if alone or not rule.account_format.misfit(tax.account):
            yield _Named(tax.account, f"table Taxes, row {tax.row}, column account", alone)


def _company_of(row: AccountRule, rulebook: Rulebook) -> str:
    """The company that a row is for by its business unit; "" where it may be for any."""
    unit = rulebook.business_units.get(row.matches.get("business_unit", ""))
    return unit.company if unit else ""


def _usable(it: _Named, chart: Mapping[str, AccountCard]) -> Iterator[Finding]:
    card = chart.get(str(it.account))
    if card is None:
        code, says = "account.missing", f"account {it.account} is not in GP's chart of accounts"
        mend = f"create {it.account} (Cards > Financial > Account)"
    elif not card.active:
        code, says = "account.inactive", f"account {it.account} ({card.description}) is inactive in GP"
        mend = "clear Inactive on it (Cards > Financial > Account)"
    elif not card.allows_entry:
        code, says = "account.no_entry", f"account {it.account} ({card.description}) does not allow account entry in GP"
        mend = "mark Allow Account Entry on it (Cards > Financial > Account)"
    else:
        return
    perhaps = "" if it.surely else "; the row may be meant for another company"
    remedy = f"In GP, {mend}; or name another account in that cell of the rulebook; {IMPORT}"
    yield Finding(code, it.where, says + perhaps, remedy, warns=not it.surely)


def _segments(rulebook: Rulebook, rule: CompanyRule, chart: Mapping[str, AccountCard]) -> Iterator[Finding]:
    """Values of segments that no account of the chart has: of a row's main account, of a business unit."""
    names = rule.account_format.names
    fitting = [card.number for card in chart.values() if not rule.account_format.misfit(card.number)]
    known = {name: {number.segments[place] for number in fitting} for place, name in enumerate(names)}
    for where, name, value, surely in _values(rulebook, rule):
        if value and name in known and value not in known[name]:
            yield Finding(
                "account.segment_unknown",
                where,
                f"no account of GP's chart has '{value}' as its segment {name}",
                f"Correct the cell, or create the accounts in GP (Cards > Financial > Account); {IMPORT}",
                warns=not surely,
            )


def _values(rulebook: Rulebook, rule: CompanyRule) -> Iterable[tuple[str, str, str, bool]]:
    """Where a value stands, its segment, the value, and whether it is surely meant for this company."""
    alone = len(rulebook.companies) == 1
    for unit in rulebook.business_units.values():
        if unit.company == rule.company:
            for name, value in unit.segments.items():
                yield f"table Business units, '{unit.business_unit}', column segment {name}", name, value, True
    for row in rulebook.accounts:
        of = _company_of(row, rulebook)
        if of in ("", rule.company):
            place, surely = f"table Accounts, row {row.row}, column ", alone or bool(of)
            yield f"{place}main", rule.account_format.main, row.main, surely
            for name, value in row.segments.items():
                yield f"{place}segment {name}", name, value, surely


def _no_chart(rule: CompanyRule) -> Finding:
    return Finding(
        "account.chart_empty",
        f"company {rule.company}",
        "the chart of accounts has no account",
        "See that the service or the file tells the accounts of this company, and that our account's role may read them.",
    )
