"""What should be told: each rule over facts that nearly, just and certainly ask for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.docket.records import Group, RunRecord, UnpostedBatch
from ml_connector.findings import Finding
from ml_connector.money import Currency, Money
from ml_connector.runtime.schedule import timing
from ml_connector.runtime.settings import Alerts
from ml_connector.runtime.watch import REFUSALS, Behind, Facts, Watched, alerts, undecided
from ml_connector.store.alerts import Alert
from ml_connector.store.watching import Doubt

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LIMITS = Alerts()
MARCH = FiscalPeriod(2026, 3, date(2026, 3, 1), date(2026, 3, 31), frozenset())
MAY = FiscalPeriod(2026, 5, date(2026, 5, 1), date(2026, 5, 31), frozenset())
JUNE = FiscalPeriod(2026, 6, date(2026, 6, 1), date(2026, 6, 30), frozenset())


def usd(text: str) -> Money:
    return Money(Decimal(text), Currency.USD)


def a_run(outcome: str = "finished", ago: timedelta = HOUR, id: int = 7, **counts: object) -> RunRecord:
    return RunRecord(id, NOW - ago - MINUTE, NOW - ago, "worker", False, outcome, counts)


def facts(**changes: object) -> Facts:
    """A connection of which nothing is to be told."""
    known = Facts("denver", NOW, TODAY, NOW - 90 * DAY, False, (a_run(),), NOW - HOUR)
    return replace(known, **changes)  # type: ignore[arg-type]


def failing(*outcomes: str, since: timedelta = 2 * HOUR) -> Facts:
    """The newest first; the last success was `since` ago."""
    runs = tuple(a_run(outcome, n * MINUTE, 100 - n) for n, outcome in enumerate(outcomes))
    return facts(runs=(*runs, a_run(ago=since)), last_success=NOW - since)


def a_schedule(rule: str = "daily 06:00", **changes: object) -> Watched:
    made = timing(rule, "UTC")
    known = Watched("nightly", made, False, NOW + HOUR, NOW - 90 * DAY, rule.startswith("after"))
    return replace(known, **changes)  # type: ignore[arg-type]


def unposted(oldest: date, company: str = "FRM", count: int = 3, total: str = "300.00") -> UnpostedBatch:
    return UnpostedBatch(company, f"STR{oldest:%y%m%d}-01", count, usd(total), oldest)


def codes(known: Facts, limits: Alerts = LIMITS) -> list[str]:
    return [it.finding.code for it in alerts(known, limits)]


def one(known: Facts, limits: Alerts = LIMITS) -> Alert:
    (found,) = alerts(known, limits)
    return found


def test_where_all_is_well_nothing_is_told() -> None:
    assert alerts(facts(), LIMITS) == ()
    assert alerts(facts(schedules=(a_schedule(),)), LIMITS) == ()


# ---- held


def test_held_documents_are_told_by_code_with_their_money() -> None:
    """How many, how much, and the command that says what to do of each."""
    held = {"account.unmapped": Group(12, usd("4310.22")), "period.closed": Group(1, usd("99.00"))}
    first, second = alerts(facts(held=held), LIMITS)
    assert first.finding.says == "12 documents are held, 4,310.22 USD together: account.unmapped"
    assert "ml-connector holds denver --code account.unmapped" in first.finding.remedy
    assert (first.subject, first.size) == ("account.unmapped", 12)
    assert second.finding.says == "1 document is held, 99.00 USD together: period.closed"


def test_while_a_run_works_what_it_holds_is_not_judged() -> None:
    assert undecided(facts(running=True)) == {"held.documents"}
    assert undecided(facts()) == frozenset()


# ---- failed runs


def test_a_failed_run_is_told_until_one_finishes() -> None:
    known = failing("interrupted: gp.unreachable", "died", "interrupted: gp.unreachable")
    found = one(known)
    assert (found.finding.code, found.subject) == ("run.failed", "gp.unreachable")
    assert "the 3rd in a row: gp.unreachable" in found.finding.says
    assert codes(replace(known, runs=(a_run(), *known.runs))) == []


def test_a_run_that_died_is_a_failed_one() -> None:
    assert one(failing("died")).subject == "died"


def test_a_run_that_a_person_stopped_is_no_failure_and_hides_none() -> None:
    assert codes(failing("stopped by hand")) == []
    assert one(failing("stopped by hand", "died")).subject == "died"


def test_what_a_run_met_and_went_on_from_is_told_as_it_is() -> None:
    """A company was stopped, the others went on: the run finished, and somebody is needed."""
    met = Finding("company.stopped", "company FRM", "GP keeps other distributions", "Run 'ml-connector holds'.")
    warned = replace(met, code="customer.on_hold", warns=True)
    run = a_run(findings=msgspec.to_builtins([met, warned]))
    assert one(facts(runs=(run,))).finding == met
    assert codes(facts(runs=(a_run(), run))) == [], "the next run did not meet it"


# ---- credentials


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refused_credential_is_told_as_one_and_not_as_a_failed_run_too(code: str) -> None:
    found = one(failing(f"interrupted: {code}"))
    assert (found.finding.code, found.subject) == ("credential.refused", code)
    assert "ml-connector connection check denver" in found.finding.remedy


def test_a_look_that_is_refused_tells_it_before_a_run_does() -> None:
    looks = a_schedule("after each posted batch", blind="servicetitan.credentials", blind_since=NOW - MINUTE)
    assert one(facts(schedules=(looks,))).finding.code == "credential.refused"
    assert codes(facts(schedules=(replace(looks, paused=True),))) == []


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (15, None),
        (14, "GP password is due to expire in 14 days, on 2026-06-17"),
        (1, "GP password is due to expire in 1 day, on 2026-06-04"),
        (0, "GP password is due to expire today, 2026-06-03"),
        (-2, "GP password should have been replaced since 2026-06-01"),
    ],
)
def test_a_credential_is_told_before_the_day_that_somebody_wrote_down(left: int, says: str | None) -> None:
    limits = Alerts(expires={"GP password": TODAY + timedelta(days=left)})
    found = alerts(facts(), limits)
    assert [it.finding.says for it in found] == ([says] if says else [])
    assert codes(facts(), Alerts(expires=limits.expires, expiry=0)) == []


# ---- silence


def test_silence_is_told_though_nothing_failed() -> None:
    """The service is down since the night before last: no run, so no failed run."""
    schedules = (a_schedule("daily 06:00", next_at=NOW + HOUR),)
    last = datetime(2026, 6, 1, 6, 5, tzinfo=UTC)
    due = datetime(2026, 6, 2, 6, tzinfo=UTC)
    known = facts(last_success=last, runs=(a_run(ago=NOW - last),), schedules=schedules)
    assert codes(replace(known, now=due + 26 * HOUR - MINUTE)) == []
    found = one(replace(known, now=due + 26 * HOUR))
    assert found.finding.code == "run.silent"
    assert "since 2026-06-01 06:05 UTC, and one was due at 2026-06-02 06:00 UTC" in found.finding.says


def test_failures_are_no_success() -> None:
    known = failing("interrupted: gp.unreachable", since=60 * HOUR)
    assert codes(replace(known, schedules=(a_schedule(),))) == ["run.failed", "run.silent"]


def test_a_weekend_that_nobody_runs_on_is_no_silence() -> None:
    """From Monday to Friday at 06:00: nothing since Friday is well on Monday morning, and not on Tuesday at noon."""
    friday = datetime(2026, 5, 29, 6, 5, tzinfo=UTC)
    schedules = (a_schedule("cron 0 6 * * 1-5"),)
    known = facts(last_success=friday, runs=(), schedules=schedules)
    assert codes(replace(known, now=datetime(2026, 6, 1, 5, tzinfo=UTC))) == []
    assert codes(replace(known, now=datetime(2026, 6, 2, 12, tzinfo=UTC))) == ["run.silent"]


def test_a_schedule_that_was_just_added_is_given_its_time() -> None:
    """A connection that has stood idle for a month is not silent an hour after its first schedule."""
    added = a_schedule(changed_at=NOW - HOUR)
    assert codes(facts(last_success=NOW - 30 * DAY, runs=(), schedules=(added,))) == []


@pytest.mark.parametrize("paused", [(), (a_schedule(paused=True, next_at=None),)])
def test_without_an_active_schedule_it_is_counted_from_the_last_success(paused: tuple[Watched, ...]) -> None:
    """Somebody paused or removed the schedule and forgot; what never ran at all is not missed yet."""
    assert codes(facts(last_success=NOW - 26 * HOUR, schedules=paused)) == ["run.silent"]
    assert codes(facts(last_success=NOW - 25 * HOUR, schedules=paused)) == []
    assert codes(facts(last_success=None, runs=(), schedules=paused)) == []


def test_no_posted_batch_for_a_week_is_no_silence() -> None:
    looks = a_schedule("after each posted batch")
    assert codes(facts(last_success=NOW - 7 * DAY, schedules=(looks,))) == []


def test_silence_may_be_switched_off() -> None:
    assert codes(facts(last_success=NOW - 90 * DAY), Alerts(silence=0)) == []


# ---- unposted


def test_what_stands_unposted_for_days_is_told_with_count_money_and_age() -> None:
    batches = (
        unposted(date(2026, 5, 29), count=85, total="50712.26"),
        unposted(date(2026, 6, 2), count=399, total="432917.67"),
        unposted(date(2026, 6, 2), company="OTHER"),
    )
    found = one(facts(unposted=batches))
    assert (found.finding.code, found.subject) == ("unposted.old", "FRM")
    assert found.finding.says == (
        "484 documents are entered and not posted, 483,629.93 USD together; the oldest is of 2026-05-29, 5 days ago"
    )
    assert "STR260529-01, STR260602-01" in found.finding.remedy
    assert codes(facts(unposted=batches), Alerts(unposted=6)) == []
    assert codes(facts(unposted=batches), Alerts(unposted=0)) == []


@pytest.mark.parametrize(
    ("today", "code", "says"),
    [
        (date(2026, 6, 26), None, ""),
        (date(2026, 6, 27), "unposted.period_ending", "period 6 of 2026 ends in 3 days, on 2026-06-30"),
        (date(2026, 6, 30), "unposted.period_ending", "period 6 of 2026 ends today, on 2026-06-30"),
        (date(2026, 7, 1), "unposted.period_ended", "period 6 of 2026 ended on 2026-06-30"),
    ],
)
def test_a_period_is_told_before_its_end_and_at_its_end(today: date, code: str | None, says: str) -> None:
    """Twice: they are two alerts, so that the second is told though the first was."""
    known = facts(today=today, unposted=(unposted(date(2026, 6, 2)),), periods={"FRM": (MAY, JUNE)})
    found = alerts(known, Alerts(unposted=0))
    assert [it.finding.code for it in found] == ([code] if code else [])
    if found:
        assert found[0].finding.says == f"{says}, and 3 documents are entered and not posted, 300.00 USD together"
        assert found[0].subject == "FRM 2026-06-30"


def test_a_closed_period_is_named_as_such() -> None:
    """It cannot be posted any more as it stands: the remedy begins with the period."""
    closed = replace(MAY, closed=frozenset({Series.SALES}))
    known = facts(unposted=(unposted(date(2026, 5, 29)),), periods={"FRM": (closed,)})
    found = one(known, Alerts(unposted=0))
    assert "the period is closed" in found.finding.says
    assert found.finding.remedy.startswith("Open the period in GP")


def test_without_fiscal_periods_nothing_is_said_of_their_end() -> None:
    known = facts(today=date(2026, 6, 30), unposted=(unposted(date(2026, 6, 29)),))
    assert codes(known) == []
    assert codes(replace(known, periods={"FRM": (MARCH,)})) == []


# ---- the rest


def test_what_is_posted_and_not_in_the_general_ledger_is_told() -> None:
    behind = Behind("FRM", 40, usd("1200.00"), NOW - 5 * DAY)
    found = one(facts(behind=(behind,)))
    assert found.finding.code == "general_ledger.behind"
    assert found.finding.says.startswith("40 documents are posted in the subledger and not in the general ledger")
    assert codes(facts(behind=(replace(behind, since=NOW - 4 * DAY),))) == []


def test_a_doubt_is_told_after_its_time() -> None:
    doubt = Doubt(2, usd("50.00"), NOW - 4 * HOUR)
    assert "2 documents are in doubt, 50.00 USD together" in one(facts(in_doubt=doubt)).finding.says
    assert codes(facts(in_doubt=replace(doubt, since=NOW - 3 * HOUR))) == []


def test_a_slot_that_nobody_takes_is_told() -> None:
    late = a_schedule(next_at=NOW - 31 * MINUTE)
    assert one(facts(schedules=(late,))).subject == "nightly"
    assert codes(facts(schedules=(replace(late, next_at=NOW - 29 * MINUTE),))) == []
    lost = one(facts(schedules=(replace(late, timing=None),)))
    assert "tzdata" in lost.finding.remedy


def test_a_schedule_that_cannot_look_for_an_hour_is_told() -> None:
    blind = a_schedule("after each posted batch", blind="servicetitan.busy", blind_since=NOW - HOUR)
    assert codes(facts(schedules=(blind,))) == ["schedule.blind"]
    assert codes(facts(schedules=(replace(blind, blind_since=NOW - 59 * MINUTE),))) == []


OUTCOMES = st.sampled_from(
    ("finished", "died", "stopped by hand", "interrupted: gp.unreachable", "interrupted: gp.keytab")
)


@given(
    st.lists(OUTCOMES, max_size=6),
    st.integers(0, 100),
    st.dictionaries(st.sampled_from(("account.unmapped", "period.closed")), st.integers(1, 9)),
    st.lists(st.integers(0, 90), max_size=4),
    st.booleans(),
)
def test_whatever_the_facts_each_thing_is_told_once_and_with_a_remedy(
    outcomes: list[str], hours: int, held: dict[str, int], ages: list[int], scheduled: bool
) -> None:
    """One alert for each code and subject, and each says what to do, in a sentence."""
    known = facts(
        runs=tuple(a_run(outcome, n * HOUR) for n, outcome in enumerate(outcomes)),
        last_success=NOW - hours * HOUR if hours else None,
        held={code: Group(count, usd("1.00")) for code, count in held.items()},
        unposted=tuple(unposted(TODAY - timedelta(days=age)) for age in ages),
        periods={"FRM": (MARCH, MAY, JUNE)},
        schedules=(a_schedule(),) if scheduled else (),
    )
    found = alerts(known, LIMITS)
    assert len({(it.finding.code, it.subject) for it in found}) == len(found)
    assert all(it.finding.remedy.endswith(".") and it.finding.says and it.finding.where for it in found)
    assert (sum(it.finding.code in ("run.failed", "credential.refused") for it in found) == 1) is (
        next((it for it in outcomes if it != "stopped by hand"), "finished") != "finished"
    )
