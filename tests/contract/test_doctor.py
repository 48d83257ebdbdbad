"""Whatever an administrator can get wrong in the first hour is named by the doctor: the right code, in the right place.

Both systems answer over real HTTP, the certificates are real, and so is the ledger. Each test breaks one thing.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509

from ml_connector.findings import Interrupted
from ml_connector.runtime import keys
from ml_connector.runtime.doctor.examination import Doctor
from ml_connector.runtime.doctor.lines import Line, Mark
from ml_connector.runtime.run import run
from ml_connector.runtime.wiring import open_connection
from ml_connector.sandbox.company import GPCONNECT, Company
from ml_connector.sandbox.company.front_range import furnish
from ml_connector.sandbox.company.records import Segment, Series
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.shop import SCOPES
from ml_connector.store.database import Database
from ml_connector.store.vault import Vault
from tests.contract.practice import (
    ELSEWHERE,
    NO_ROLE,
    Practice,
    finding_of,
    findings,
    marks,
    now,
    practice,
    says,
)
from tests.contract.relay import Relay, certificate

HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
SBA, BOTH, EVERY = ["one"], ["one", "soap"], ["one", "two", "soap"]


@pytest.fixture(params=EVERY)
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Practice]:
    """A sound connection, over each dialect."""
    with practice(tmp_path, request.param) as ready:
        yield ready


def over(dialects: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("patient", dialects, indirect=True)


# A sound connection


def test_a_sound_connection_gives_good_lines_alone(patient: Practice) -> None:
    """Every part is named, and nothing is skipped."""
    lines = patient.examine()
    assert marks(lines, Mark.GOOD) == [line.title for line in lines]
    wanted = {
        "credentials: gp.FRM.password",
        "rulebook: tables",
        "ServiceTitan 127.0.0.1: host name",
        "ServiceTitan 127.0.0.1: clock",
        "ServiceTitan: sign-in",
        "ServiceTitan: app key and tenant",
        "ServiceTitan: jpm/jobs (tn.jpm.jobs:r)",
        "ServiceTitan: rate",
        "GP FRM: host name",
        "GP FRM: port",
        "GP FRM: certificate",
        "GP FRM: clock",
        "GP FRM: scheme",
        "GP FRM: login",
        "GP FRM: company",
        "GP FRM: role",
        "GP FRM: customers",
        "GP FRM: account format",
        "GP FRM: accounts of the rulebook",
        "GP FRM: tax details of the rulebook",
        "GP FRM: fiscal periods",
        "GP FRM: posting set-up of receivables",
        "GP FRM: posting set-up of payables",
        "GP FRM: modules",
    }
    assert wanted <= set(marks(lines, Mark.GOOD))
    assert ("GP FRM: policies" in marks(lines, Mark.GOOD)) is patient.is_soap


def test_the_lines_come_as_they_are_known(patient: Practice) -> None:
    """Who waits for a slow GP sees what is known already: nothing of GP was asked when ServiceTitan's lines were told."""
    lines = Doctor(patient.database(), "maria", tuple, patient.folder / "contracts").connection("trial")
    for line in lines:
        if line.part == "ServiceTitan":
            break
    assert patient.server.stats.calls.total() == 0
    lines.close()


def test_an_examination_enters_nothing(patient: Practice) -> None:
    """It asks, and it never tells: no document and no batch is made."""
    before = patient.company.records()
    patient.examine()
    assert patient.company.records() == before


def test_the_good_lines_say_what_was_seen(patient: Practice) -> None:
    """The account that was let in, the periods with their source, the company by GP's own name."""
    lines = patient.examine()
    assert "FRONTRANGE\\gpconnect is let in, by NTLM" in says(lines, "GP FRM: login")
    source = "the calendar file" if patient.is_soap else "GP's services"
    assert f"from {source}" in says(lines, "GP FRM: fiscal periods")
    assert "the cut-over date 2026-03-01 in period 3 of 2026" in says(lines, "GP FRM: fiscal periods")
    assert "Division 3, Main 4, Department 2" in says(lines, "GP FRM: account format")
    if patient.is_soap:
        assert says(lines, "GP FRM: company") == "7, Front Range Mechanical, Inc."
    source = "GP" if patient.dialect == "one" else "the connection's answers"
    assert says(lines, "GP FRM: posting set-up of payables").endswith(f"from {source}")


def test_no_credential_is_told(patient: Practice, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a line, not in a log of everything; also where a login fails."""
    caplog.set_level(0)
    patient.log_in_as(replace(GPCONNECT, password="Hunter2-Wrong"))
    told = f"{patient.examine()}{caplog.text}"
    for secret in ("Hunter2-Wrong", "sandbox-secret", "sandbox-app-key"):
        assert secret not in told


# 1 to 5: the way to the server


@over(BOTH)
def test_an_unknown_host_is_told_by_its_name(patient: Practice) -> None:
    """A letter is wrong in the settings. What cannot be tried is skipped, and the rest goes on."""
    patient.reach(f"http{'' if patient.is_soap else 's'}://gp.frontrange.invalid:48620")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: host name": "network.host_unknown"}
    found = finding_of(lines, "GP FRM: host name")
    assert "'gp.frontrange.invalid'" in found.says
    assert ("gp.FRM.endpoint" if patient.is_soap else "gp.FRM.server") in found.remedy
    assert {"GP FRM: port", "GP FRM: login", "GP FRM: fiscal periods"} <= set(marks(lines, Mark.SKIPPED))
    assert says(lines, "GP FRM: login") == "host name comes first"
    assert "ServiceTitan: sign-in" in marks(lines, Mark.GOOD)


@over(BOTH)
def test_a_closed_port_is_told_apart_from_the_name(patient: Practice) -> None:
    """The host is right, and nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    patient.reach(f"http://127.0.0.1:{port}")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: port": "network.no_connection"}
    assert f"port {port}: Connection refused" in finding_of(lines, "GP FRM: port").says
    assert "GP FRM: host name" in marks(lines, Mark.GOOD)


@over(BOTH)
def test_a_certificate_that_nobody_vouches_for_is_told_with_its_issuer(patient: Practice) -> None:
    """The company's own authority is not known here: not a byte of a login is sent."""
    tls, _ = certificate(patient.folder, HERE)
    with Relay(patient.server.url, tls) as relay:
        patient.reach(relay.url)
        lines = patient.examine()
        assert relay.said == b""
    assert findings(lines) == {"GP FRM: certificate": "network.certificate"}
    assert "signed by 'gp.example.test'" in finding_of(lines, "GP FRM: certificate").says
    assert "ca_bundle" in finding_of(lines, "GP FRM: certificate").remedy


@pytest.mark.parametrize(
    ("name", "days", "says"),
    [
        (x509.DNSName("other.example.test"), 100, "is for other.example.test, not for 127.0.0.1"),
        (HERE, -1, "its certificate ended on"),
    ],
    ids=["another name", "ended"],
)
@over(SBA)
def test_a_certificate_of_another_host_or_another_time_is_told_as_that(
    patient: Practice, name: x509.GeneralName, days: int, says: str
) -> None:
    """The authority is ours; what is wrong is said with its values."""
    tls, bundle = certificate(patient.folder, name, days)
    with Relay(patient.server.url, tls) as relay:
        patient.reach(relay.url)
        patient.gp["ca_bundle"] = str(bundle)
        lines = patient.examine()
    assert findings(lines) == {"GP FRM: certificate": "network.certificate"}
    assert says in finding_of(lines, "GP FRM: certificate").says


@over(BOTH)
def test_a_certificate_that_ends_soon_is_noted(patient: Practice) -> None:
    """All else is looked at over TLS, and is good."""
    tls, bundle = certificate(patient.folder, HERE, 20)
    with Relay(patient.server.url, tls) as relay:
        patient.reach(relay.url)
        patient.gp["ca_bundle"] = str(bundle)
        lines = patient.examine()
    assert findings(lines) == {}
    assert findings(lines, Mark.NOTE) == {"GP FRM: certificate": "network.certificate_ends"}
    assert "in 19 days" in finding_of(lines, "GP FRM: certificate").says


@over(SBA)
def test_a_certificate_that_is_not_judged_is_noted(patient: Practice) -> None:
    """verify_tls = false was meant for the trial, and stayed."""
    tls, _ = certificate(patient.folder, HERE, 100)
    with Relay(patient.server.url, tls) as relay:
        patient.reach(relay.url)
        patient.gp["verify_tls"] = False
        assert findings(patient.examine(), Mark.NOTE) == {"GP FRM: certificate": "network.unverified"}


@over(SBA)
def test_a_port_that_does_not_speak_tls_is_told(patient: Practice) -> None:
    """https is written, and the port has http."""
    patient.reach(patient.server.url.replace("http:", "https:"))
    assert findings(patient.examine()) == {"GP FRM: certificate": "network.no_tls"}


@over(SBA)
def test_a_bundle_that_is_no_certificate_is_told(patient: Practice) -> None:
    """The file of the authority holds something else."""
    tls, _ = certificate(patient.folder, HERE, 100)
    bundle = patient.folder / "authority.pem"
    bundle.write_text("not a certificate")
    patient.gp["ca_bundle"] = str(bundle)
    with Relay(patient.server.url, tls) as relay:
        patient.reach(relay.url)
        lines = patient.examine()
    assert findings(lines)["GP FRM: service map and files"] == "gp.ca_bundle"
    assert set(findings(lines).values()) == {"gp.ca_bundle"}


@over(BOTH)
def test_a_clock_that_is_wrong_is_told_of_both_systems(patient: Practice) -> None:
    """This machine is twenty minutes late; logins by Kerberos would fail, and the words would not say why."""
    patient.now = lambda: now() - timedelta(minutes=20)
    lines = patient.examine()
    assert findings(lines) == dict.fromkeys(("ServiceTitan 127.0.0.1: clock", "GP FRM: clock"), "network.clock")
    assert "ours is behind" in finding_of(lines, "GP FRM: clock").says
    assert "GP FRM: login" in marks(lines, Mark.GOOD)


# 6 to 9: the login, the role, the company


@over(EVERY)
def test_a_wrong_password_is_told_and_tried_once(patient: Practice) -> None:
    """The account sees one bad attempt, however many things there are to look at."""
    patient.log_in_as(replace(GPCONNECT, password=f"Wrong-{patient.dialect}"))
    with Relay(patient.server.url) as relay:
        patient.reach(relay.url)
        lines = patient.examine()
        assert relay.said.count(b"Authorization: NTLM TlRMTVNTUAAD") == 1, "the third message holds the proof"
    assert findings(lines) == {"GP FRM: login": "gp.credentials"}
    assert {"GP FRM: role", "GP FRM: customers", "GP FRM: modules"} <= set(marks(lines, Mark.SKIPPED))
    assert "GP FRM: scheme" in marks(lines, Mark.GOOD)


@over(BOTH)
def test_a_login_that_the_server_does_not_offer_is_told_before_it_is_tried(patient: Practice) -> None:
    """Kerberos is configured, and IIS offers NTLM alone."""
    patient.gp["authentication"] = "negotiate"
    patient.put("gp-username", "gpconnect@FRONTRANGE.TEST")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: scheme": "gp.scheme"}
    assert "it offers NTLM" in finding_of(lines, "GP FRM: scheme").says
    assert {"GP FRM: tickets", "GP FRM: service name", "GP FRM: server's proof"} <= set(marks(lines, Mark.SKIPPED))


@over(EVERY)
def test_an_account_without_a_role_is_told(patient: Practice) -> None:
    """The login is good, but GP gives it nothing."""
    patient.log_in_as(NO_ROLE)
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: role": "gp.forbidden"}
    where = "Dynamics Security console" if patient.is_soap else "User Security"
    assert where in finding_of(lines, "GP FRM: role").remedy
    assert "GP FRM: login" in marks(lines, Mark.GOOD)


@over(EVERY)
def test_an_account_without_the_company_is_told(patient: Practice) -> None:
    """It may enter another company, and not ours."""
    patient.log_in_as(ELSEWHERE)
    expected = {"GP FRM: company": "gp.missing"} if patient.is_soap else {"GP FRM: role": "gp.forbidden"}
    assert findings(patient.examine()) == expected


@over(EVERY)
def test_a_wrong_company_is_told(patient: Practice) -> None:
    """A segment, or a number, that GP does not have. The web services name those that it has."""
    patient.gp.update({"company_id": 77} if patient.is_soap else {"company": "NOSUCH"})
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: company": "gp.missing"}
    found = finding_of(lines, "GP FRM: company")
    assert ("7 Front Range Mechanical, Inc." if patient.is_soap else "NOSUCH") in found.says


@over(["one", "two"])
def test_a_company_that_the_rulebook_does_not_mean_is_told(patient: Practice) -> None:
    """The connection reaches the real company, and the rulebook was written for the test company."""
    patient.rewrite("Companies", 0, gp_company="TSTCO")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: identity": "gp.company_other"}
    assert "TSTCO" in finding_of(lines, "GP FRM: identity").says


# 10 and 11: policies and the posting set-up


@over(["soap"])
def test_a_policy_that_makes_distributions_is_told_and_no_run_begins(patient: Practice) -> None:
    """GP's default would replace our accounts without a word."""
    patient.company.do_set(creates_distributions=True)
    database = patient.database()
    lines = patient.examine(database)
    assert findings(lines) == {"GP FRM: policies": "gp.policy"}
    assert "CreateReceivablesInvoice" in finding_of(lines, "GP FRM: policies").where
    wired = open_connection(database, "trial", "maria", folder=patient.folder / "contracts")
    with pytest.raises(Interrupted) as stop:
        run(wired, lambda *_: None)
    assert stop.value.finding.code == "gp.policy"
    assert patient.application.records()["receivables"]["count"] == 0  # type: ignore[index]


@over(EVERY)
def test_a_posting_date_from_the_batch_that_the_rulebook_denies_is_told(patient: Practice) -> None:
    """GP tells it over dialect one; elsewhere an administrator looked, and answered."""
    if patient.dialect == "one":
        patient.company.do_set(posting_date_from="Batch")
        expected = dict.fromkeys(
            ("GP FRM: posting set-up of receivables", "GP FRM: posting set-up of payables"), "posting.date_differs"
        )
    else:
        patient.gp["posting_setup"]["payables"]["date_from"] = "batch"
        expected = {"GP FRM: posting set-up of payables": "posting.date_differs"}
    lines = patient.examine()
    assert findings(lines) == expected
    found = finding_of(lines, "GP FRM: posting set-up of payables")
    assert "GP takes the posting date from the batch" in found.says
    assert "Tools > Setup > Posting > Posting, series Purchasing, origin Payables Trx Entry" in found.remedy


@over(SBA)
def test_what_gp_does_with_its_batches_is_noted(patient: Practice) -> None:
    """Control totals have to be typed before posting. That stops nothing of ours, and somebody has to know it."""
    patient.company.do_set(control_totals=True)
    notes = findings(patient.examine(), Mark.NOTE)
    assert notes == dict.fromkeys(
        ("GP FRM: posting set-up of receivables", "GP FRM: posting set-up of payables"), "posting.control_totals"
    )


@over(["two", "soap"])
def test_a_posting_set_up_that_nobody_told_is_asked_for(patient: Practice) -> None:
    """No service tells it: who looks where, and where the answer goes."""
    del patient.gp["posting_setup"]["receivables"]
    del patient.gp["posting_setup"]["payables"]["control_totals"]
    lines = patient.examine()
    assert findings(lines) == {}
    titles = "GP FRM: posting set-up of receivables", "GP FRM: posting set-up of payables"
    assert findings(lines, Mark.NOTE) == dict.fromkeys(titles, "posting.unanswered")
    asked = finding_of(lines, titles[0])
    assert asked.says.endswith("date_from, ledger, control_totals, transaction_posting")
    assert "Posting Date From" in asked.remedy
    assert "[gp.FRM.posting_setup.receivables]" in asked.remedy
    assert finding_of(lines, titles[1]).says.endswith(": control_totals")


@over(EVERY)
def test_a_module_that_wants_more_than_we_send_is_noted(patient: Practice) -> None:
    """Analytical Accounting is used; nobody has asked about job cost."""
    patient.gp["modules"] = {"analytical_accounting": True, "project_accounting": False}
    lines = [line for line in patient.examine() if line.title == "GP FRM: modules"]
    assert [line.finding.code for line in lines if line.finding] == ["module.not_sent", "module.unanswered"]
    assert all(line.mark is Mark.NOTE for line in lines)


# 12 to 14: accounts, the service map, fiscal periods


def longer_accounts() -> Company:
    """A company whose accounts have a fourth segment."""
    tables = furnish(now().year)
    segments = (*tables.setup.segments, Segment(4, "Location", 2, is_main=False))
    tables.setup = replace(tables.setup, segments=segments)
    longer = [replace(it, number=f"{it.number}-00") for it in tables.accounts.values()]
    tables.accounts = {it.number: it for it in longer}
    return Company(tables)


@pytest.mark.parametrize(
    ("dialect", "told"), [(it, True) for it in EVERY] + [("one", False), ("two", False)], ids=lambda it: str(it)
)
def test_an_account_format_that_the_rulebook_has_not_is_told(tmp_path: Path, dialect: str, told: bool) -> None:
    """The company has a segment more. Without a service that tells the format, its chart shows it."""
    with practice(tmp_path, dialect, company=longer_accounts()) as patient:
        if not told:
            patient.service_map("company = false\n")
        lines = patient.examine()
    assert findings(lines)["GP FRM: account format"] == "account.format"
    found = finding_of(lines, "GP FRM: account format")
    assert ("Division 3, Main 4, Department 2, Location 2" if told else "3, 4, 2, 2") in found.says
    assert "Companies table" in found.remedy


@over(SBA)
def test_without_a_service_the_chart_tells_the_format(patient: Practice) -> None:
    """A good line all the same; and what the company is cannot be looked at, which is said."""
    patient.service_map("company = false\nposting_setup = false\n")
    lines = patient.examine()
    assert findings(lines) == {}
    assert "accounts of the chart" in says(lines, "GP FRM: account format")
    assert marks(lines, Mark.SKIPPED) == ["GP FRM: identity"]


@over(SBA)
def test_a_chart_that_nobody_tells_is_told_once(patient: Practice) -> None:
    """Microsoft's own list of services has no accounts, and no file is named: one cause, one finding."""
    patient.service_map("company = false\naccounts = false\n")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: account format": "gp.service_map"}
    assert says(lines, "GP FRM: accounts of the rulebook") == "the chart of accounts comes first"


@over(BOTH)
def test_accounts_of_the_rulebook_that_gp_cannot_use_are_told_with_their_cells(patient: Practice) -> None:
    """One is not there, one is inactive, one takes no entry; a department that no account has."""
    patient.rewrite("Companies", 0, receivables_account="000-1299-00")
    patient.rewrite("Taxes", 0, account="000-2310-00")
    patient.rewrite("Business units", 1, segment_Department="09")
    patient.company.do_activate_account("000-1310-00", active=False)
    lines = [line for line in patient.examine() if line.mark is Mark.WRONG]
    assert {line.title for line in lines} == {"GP FRM: accounts of the rulebook"}
    assert {(line.finding.code, line.finding.where) for line in lines if line.finding} == {
        ("account.missing", "table Companies, company FRM, column receivables_account"),
        ("account.inactive", "table Accounts, row 11, column account"),
        ("account.no_entry", "table Taxes, row 2, column account"),
        ("account.segment_unknown", "table Business units, 'HVAC - Install', column segment Department"),
    }


@over(BOTH)
def test_a_tax_detail_that_gp_has_not_is_told_with_its_row(patient: Practice) -> None:
    """A slip in the Taxes table."""
    patient.rewrite("Taxes", 2, tax_detail="CO-DENVR")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: tax details of the rulebook": "tax_detail.missing"}
    assert finding_of(lines, "GP FRM: tax details of the rulebook").where == "table Taxes, row 4, column tax_detail"


@over(["one", "two"])
def test_a_service_map_that_names_what_gp_lacks_is_told_field_by_field(patient: Practice) -> None:
    """One row of each resource is held against the map."""
    patient.service_map('[vendors.fields]\non_hold = "Sospeso"\n')
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: vendors": "gp.service_map"}
    assert "on_hold = 'Sospeso'" in finding_of(lines, "GP FRM: vendors").says


@over(["one", "two"])
def test_a_service_map_that_cannot_be_read_is_told_and_the_way_is_looked_at(patient: Practice) -> None:
    """A key is misspelt. Name, port and clock do not depend on it."""
    patient.service_map('[vendors.field]\non_hold = "Hold"\n')
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: service map and files": "gp.service_map"}
    assert "GP FRM: clock" in marks(lines, Mark.GOOD)
    assert says(lines, "GP FRM: login") == "service map and files come first"


@over(EVERY)
def test_a_closed_fiscal_year_is_told(patient: Practice) -> None:
    """Today's documents would be held, all of them."""
    year = now().year
    if patient.is_soap:
        patient.calendar.write_text(patient.calendar.read_text().replace(",no", ",yes"))
    else:
        for month in range(1, 13):
            patient.company.do_close_period(year, month)
    lines = patient.examine()
    told = [line.finding for line in lines if line.title == "GP FRM: fiscal periods" and line.finding]
    assert [it.code for it in told if not it.warns] == ["period.closed"]
    assert "today" in told[0].says
    assert "Tools > Setup > Company > Fiscal Periods" in told[0].remedy


@over(EVERY)
def test_a_day_that_no_period_has_is_told(patient: Practice) -> None:
    """Nobody has set up the year that has begun."""
    patient.now = lambda: datetime(now().year + 2, 1, 2, tzinfo=now().tzinfo)
    told = [line for line in patient.examine() if line.mark is Mark.WRONG and "clock" not in line.what]
    assert [(line.title, line.finding and line.finding.code) for line in told] == [
        ("GP FRM: fiscal periods", "period.unknown")
    ]


@over(SBA)
def test_a_cut_over_in_a_closed_period_is_noted(patient: Practice) -> None:
    """February is over: what is dated then is held, which may be meant."""
    patient.rewrite("Companies", 0, cut_over="2026-02-01")
    patient.company.do_open_period(2026, 2, [Series.SALES.value])
    lines = patient.examine()
    assert findings(lines, Mark.NOTE) == {"GP FRM: fiscal periods": "period.closed"}
    assert "closed in Purchasing and Financial" in finding_of(lines, "GP FRM: fiscal periods").says


# 15 to 17: ServiceTitan


@over(SBA)
def test_a_wrong_client_secret_is_told_and_gp_is_looked_at_all_the_same(patient: Practice) -> None:
    """One system does not hide the other."""
    patient.put("client-secret", "of-last-year")
    lines = patient.examine()
    assert findings(lines) == {"ServiceTitan: sign-in": "servicetitan.credentials"}
    skipped = marks(lines, Mark.SKIPPED)
    assert all(title.startswith("ServiceTitan: ") for title in skipped)
    assert {"ServiceTitan: app key and tenant", "ServiceTitan: rate"} <= set(skipped)
    assert "GP FRM: posting set-up of payables" in marks(lines, Mark.GOOD)


@over(SBA)
def test_a_wrong_app_key_is_told_once(patient: Practice) -> None:
    """One cause, one finding: not eleven."""
    patient.put("app-key", "of-another-application")
    assert findings(patient.examine()) == {"ServiceTitan: app key and tenant": "servicetitan.app_key"}


def test_each_missing_scope_is_told_by_name(tmp_path: Path) -> None:
    """The first that we try is missing too, and is not taken for the app key."""
    missing = {"tn.acc.invoices:r", "tn.jpm.jobs:r"}
    with practice(tmp_path, "one", scopes=set(SCOPES) - missing) as patient:
        lines = patient.examine()
    assert findings(lines) == dict.fromkeys(
        ("ServiceTitan: accounting/invoices (tn.acc.invoices:r)", "ServiceTitan: jpm/jobs (tn.jpm.jobs:r)"),
        "servicetitan.forbidden",
    )


@over(SBA)
def test_another_program_on_the_same_application_is_noted(patient: Practice) -> None:
    """We keep to the pace, and are told that it is too many."""
    patient.shop.application.faults.order(Fault.TOO_MANY_REQUESTS, path="vendors", times=2, seconds=0.05)
    lines = patient.examine()
    assert findings(lines) == {}
    assert findings(lines, Mark.NOTE) == {"ServiceTitan: rate": "servicetitan.rate"}
    assert "2 times" in finding_of(lines, "ServiceTitan: rate").says


# 18 and 19: credentials, the rulebook, the settings


@over(BOTH)
@pytest.mark.parametrize(("other", "code"), [(False, "vault.key_missing"), (True, "vault.key_wrong")])
def test_a_sealed_credential_whose_master_key_is_gone_is_told(patient: Practice, other: bool, code: str) -> None:
    """GP's password does not open: nobody logs in, and everything that needs no login is looked at."""
    master = keys.new_key()
    patient.gp["password"] = "vault:gp-password"
    database = patient.database()
    Vault(database, lambda: [master], "maria").put("gp-password", GPCONNECT.password)
    patient.keys = [keys.new_key()] if other else []
    lines = patient.examine(database)
    assert findings(lines) == {"credentials: gp.FRM.password": code}
    assert says(lines, "GP FRM: login") == "credential gp.FRM.password comes first"
    assert {"GP FRM: clock", "ServiceTitan: sign-in"} <= set(marks(lines, Mark.GOOD))
    patient.keys = [master]
    assert marks(patient.examine(database), Mark.WRONG) == []


@over(SBA)
def test_a_credential_that_is_not_there_stops_its_own_system_alone(patient: Practice) -> None:
    """An environment variable that nobody set, and a file that is empty."""
    patient.servicetitan["app_key"] = "env:ML_CONNECTOR_TEST_NOBODY_SETS"
    patient.put("client-secret", "")
    lines = patient.examine()
    assert findings(lines) == {
        "credentials: servicetitan.client_secret": "credential.empty",
        "credentials: servicetitan.app_key": "credential.missing",
    }
    assert "ServiceTitan 127.0.0.1: port" in marks(lines, Mark.GOOD)
    assert "GP FRM: modules" in marks(lines, Mark.GOOD)


@over(BOTH)
def test_without_a_rulebook_the_rest_is_looked_at(patient: Practice) -> None:
    """What needs the rulebook is skipped, and says so; the fiscal periods do not."""
    patient.tables.clear()
    lines = patient.examine()
    assert findings(lines) == {"rulebook: tables": "rulebook.none"}
    assert says(lines, "GP FRM: accounts of the rulebook") == "the rulebook comes first"
    assert "GP FRM: fiscal periods" in marks(lines, Mark.GOOD)


@over(SBA)
def test_a_company_that_the_settings_do_not_reach_is_told(patient: Practice) -> None:
    """The rulebook calls it otherwise than the connection does."""
    patient.values["gp"]["NORTH"] = patient.values["gp"].pop("FRM")
    lines = patient.examine()
    assert findings(lines) == {"rulebook: companies": "connection.company_missing"}
    assert says(lines, "GP NORTH: accounts of the rulebook") == "the rulebook's Companies table does not name NORTH"


# 20: the ledger


def of_ledger(database: Database) -> list[Line]:
    return list(Doctor(database, "maria").ledger())


def test_a_sound_ledger_gives_good_lines(tmp_path: Path) -> None:
    """What it is, that it can be written, that it keeps what was written."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    database.migrate()
    lines = of_ledger(database)
    assert [(line.what, line.mark) for line in lines] == [
        (what, Mark.GOOD) for what in ("reachable", "writable", "settings", "space")
    ]
    assert "journal_mode wal, synchronous 2" in says(lines, "ledger: settings")


def test_a_ledger_that_can_only_be_read_is_told(ledger_url: str) -> None:
    """A file that belongs to another account; a standby in place of the primary."""
    database = Database(ledger_url)
    database.migrate()
    name = sa.make_url(ledger_url).database
    if database.is_postgresql:
        with database.writing() as sql:
            sql.execute(sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        read_only = Database(ledger_url)
    else:
        read_only = Database(f"sqlite:///file:{name}?mode=ro&uri=true")
    with ExitStack() as closing:
        closing.callback(database.close)
        closing.callback(read_only.close)
        assert findings(of_ledger(read_only))["ledger: writable"] == "store.read_only"


def test_a_ledger_that_another_program_keeps_locked_is_told(tmp_path: Path) -> None:
    """A backup, or a database browser."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}", patience=0.1)
    database.migrate()
    holder = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with holder.writing():
        assert findings(of_ledger(database)) == {"ledger: writable": "store.locked"}


def test_a_server_that_forgets_at_a_power_cut_is_told(postgresql: object, request: pytest.FixtureRequest) -> None:
    """The server of these tests runs with fsync off, which is right for it and for nobody else."""
    server = request.getfixturevalue("postgresql")
    name = f"unsafe_{os.getpid()}"
    database = Database(server.create_database(name))
    database.migrate()
    lines = of_ledger(database)
    database.close()
    server.drop_database(name)
    assert findings(lines) == {"ledger: settings": "store.unsafe"}
    assert finding_of(lines, "ledger: settings").says.startswith("fsync is 'off'")
    assert "PostgreSQL" in says(lines, "ledger: reachable")
