"""What goes wrong with the web services, in words for the person who mends it; the rest is said by `gp.errors`.

findings.Interrupted
├── gp.policy             a policy makes the distributions itself, so ours would be replaced or doubled
├── gp.contract           the installation's WSDL cannot be read, or lacks what we need
├── gp.calendar           nobody tells the fiscal periods: these services have none
├── gp.forbidden          the account has no role, or no company, in the Dynamics Security console
├── gp.missing            there is no web service at the address, or no company under the number
├── gp.answer             an answer that we cannot understand
└── gp.truncated          a list that may have been cut off
"""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.findings import Finding, Interrupted


def policy(operations: Sequence[str], selected: str) -> Finding:
    return Finding(
        "gp.policy",
        ", ".join(operations),
        f"the policy's 'Create GL Account Distributions' is '{selected}', so GP would replace or double what we send",
        "In the Dynamics Security console, under Policy, open the policy of each of these operations "
        "for the role of our Windows account, set 'Create GL Account Distributions' to 'Distributions Will Be Provided', "
        "then run again.",
    )


def contract(where: str, says: str) -> Finding:
    return Finding(
        "gp.contract",
        where,
        says,
        "In the connection, name the address or the file of this installation's full legacy WSDL (DynamicsGP.wsdl; on "
        "the GP server, GPWebServices\\ServiceConfigs says where it is published), then run 'ml-connector doctor'.",
    )


def no_calendar() -> Finding:
    return Finding(
        "gp.calendar",
        "fiscal periods",
        "GP's web services do not tell the fiscal periods, and neither SQL Server nor a calendar is given",
        "In the connection, add the table 'sql' to read them from SQL Server, or name a calendar file (calendar_file) with "
        "them; then run again.",
    )


def no_tax_details() -> Finding:
    return Finding(
        "gp.contract",
        "tax details",
        "this installation's web services have no GetTaxDetailList, and no list of tax details is given",
        "In the connection, name the full legacy WSDL of the installation, then run again.",
    )


def forbidden(company: int, username: str, operation: str, said: str) -> Finding:
    return Finding(
        "gp.forbidden",
        f"company {company}",
        f"{username} may not use {operation}: {said}",
        "In the Dynamics Security console, under Role Assignments, give the Windows account a role with "
        "this operation, for this company; then run again.",
    )


def missing(url: str) -> Finding:
    return Finding(
        "gp.missing",
        url,
        "there is no web service at this address",
        "In the connection, write the address of the legacy service, as …:48620/DynamicsGPWebServices/"
        "DynamicsGPService.asmx, and see that the legacy endpoint is switched on; then run again.",
    )


def no_company(company: int, said: str) -> Finding:
    return Finding(
        "gp.missing",
        f"company {company}",
        f"GP knows no company under this number: {said}",
        "In the connection, write the company's number (company_id: CMPANYID of DYNAMICS..SY01500), and see that web "
        "services are set up for it; then run again.",
    )


def answer(where: str, says: str) -> Finding:
    return Finding(
        "gp.answer",
        where,
        says,
        "Run 'ml-connector doctor', which reads the installation's WSDL again; if it says the same, look in the Dynamics GP "
        "Web Services Exception Management console for what happened at this time.",
    )


def truncated(where: str, cap: int) -> Finding:
    return Finding(
        "gp.truncated",
        where,
        f"GP gave {cap} rows, the most that it gives at once, and narrower questions did not bring fewer",
        "Ask the GP administrator to raise the number of rows that the web services give (1000 unless it was changed), and "
        "set row_cap in the connection to the same; then run again.",
    )


def no_policy(operation: str) -> Interrupted:
    return Interrupted(answer(operation, "GP gives no policy for this operation"))
