"""Is the company the one that the rulebook means, and does it use what wants more of a document than we send?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_connector.findings import Finding
from ml_connector.gp.looking import CompanyTold
from ml_connector.gp.row import fold
from ml_connector.mapping.rulebook import CompanyRule

MODULES: Mapping[str, tuple[str, str]] = {  # by setting: its name, and what of it is not sent
    "analytical_accounting": (
        "Analytical Accounting",
        "no analysis codes are sent: GP gives its defaults, or asks for them before it posts",
    ),
    "project_accounting": (
        "Project Accounting",
        "no project, cost category or billing is sent: documents do not reach Project Accounting",
    ),
    "job_cost": (
        "a job-cost add-on",
        "no job and no cost code is sent but in the distribution's reference: the add-on does not see the cost",
    ),
}


def identity(told: CompanyTold, rule: CompanyRule) -> str | Sequence[Finding]:
    """What GP says of the company against the rulebook's row of it."""
    findings = []
    if told.database and fold(told.database) != fold(rule.gp_company):
        findings.append(
            Finding(
                "gp.company_other",
                f"table Companies, company {rule.company}, column gp_company",
                f"the rulebook means the company with the database {rule.gp_company}, and the connection reaches "
                f"{told.database} ({told.name})",
                "Correct the company in the connection, or gp_company in the rulebook's Companies table: nothing may be "
                "entered before the two agree.",
            )
        )
    if told.currency and fold(told.currency) != rule.currency.value:
        findings.append(
            Finding(
                "connection.currency",
                f"table Companies, company {rule.company}, column currency",
                f"the rulebook says {rule.currency.value}, and GP keeps the company's books in {told.currency}",
                "Set the right currency in the rulebook's Companies table and in the connection's settings.",
            )
        )
    if not told.database:
        return findings or f"GP calls it {told.name}; whether its database is {rule.gp_company}, no service tells"
    named = ", ".join(it for it in (told.name, told.database, told.currency) if it)
    return findings or f"{named}, as the rulebook means it"


def modules(company: str, answers: Mapping[str, bool | None]) -> str | Sequence[Finding]:
    """`answers` by setting; None where nobody has looked."""
    findings = [
        Finding(
            "module.not_sent",
            f"company {company}, {MODULES[setting][0]}",
            MODULES[setting][1],
            "Nothing is needed to enter; agree with the controller who completes it in GP, and when.",
            warns=True,
        )
        for setting, used in answers.items()
        if used
    ]
    unknown = [setting for setting, used in answers.items() if used is None]
    if unknown:
        findings.append(
            Finding(
                "module.unanswered",
                f"company {company}",
                f"not answered: whether the company uses {_listed([MODULES[it][0] for it in unknown])}",
                "Ask the GP administrator to look in GP (Tools > Setup > System > Registration lists the modules) and the "
                f"controller what is used; write {', '.join(unknown)} = true or false in the connection's "
                f"[gp.{company}.modules], and add the connection again with --replace.",
                warns=True,
            )
        )
    return findings or f"none that wants more than we send ({_listed([MODULES[it][0] for it in answers])})"


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
