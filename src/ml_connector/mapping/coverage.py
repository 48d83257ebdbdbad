"""Coverage: what share of past documents and money each rule covers, and what no rule covers, dearest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ml_connector.books import outcomes
from ml_connector.field.snapshot import Snapshot, headline
from ml_connector.findings import Finding
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.plan import plan
from ml_connector.money import Currency, Money, is_whole


@dataclass(slots=True)
class Share:
    """Documents and money; money is counted without its sign, so that a credit does not hide an invoice."""

    name: str
    documents: int = 0
    money: Money = field(default_factory=lambda: Money.zero(Currency.USD))

    def add(self, money: Money) -> None:
        self.documents += 1
        self.money += money


@dataclass(frozen=True, slots=True)
class Coverage:
    whole: Share  # every source that would be entered if all were mapped
    covered: Share
    rules: tuple[Share, ...]  # by rule, the most money first: "Accounts row 7"
    gaps: tuple[tuple[Share, Finding], ...]  # by what is missing, the most money first, each with one finding of it


def coverage(snapshots: Iterable[Snapshot], frame: Frame, currency: Currency) -> Coverage:
    """Plan every snapshot with the rulebook, entering nothing. What is skipped or waits is left out."""
    whole, covered = Share("all", 0, Money.zero(currency)), Share("covered", 0, Money.zero(currency))
    rules: dict[str, Share] = defaultdict(lambda: Share("", 0, Money.zero(currency)))
    gaps: dict[tuple[str, str], Share] = {}
    shown: dict[tuple[str, str], Finding] = {}
    for snapshot in snapshots:
        ended = plan(snapshot, frame)
        if isinstance(ended, outcomes.Skipped | outcomes.Waiting):
            continue
        money = _money(snapshot, currency)
        whole.add(money)
        if isinstance(ended, outcomes.Ready):
            covered.add(money)
            for rule, booked in _booked(ended):
                rules[rule].add(booked)
        else:
            for finding in _once(ended.findings):
                key = (finding.code, finding.says)
                gaps.setdefault(key, Share(finding.code, 0, Money.zero(currency))).add(money)
                shown.setdefault(key, finding)
    for name, share in rules.items():
        share.name = name
    by_money = sorted(rules.values(), key=lambda share: (-share.money.minor, share.name))
    ranked = sorted(gaps, key=lambda key: (-gaps[key].money.minor, key))
    return Coverage(whole, covered, tuple(by_money), tuple((gaps[key], shown[key]) for key in ranked))


def _booked(ready: outcomes.Ready) -> list[tuple[str, Money]]:
    """What each rule brought to the document, by rule."""
    sums: dict[str, Money] = {}
    for document in ready.documents:
        for it in document.distributions:
            if it.rule:
                sums[it.rule] = sums.get(it.rule, Money.zero(document.currency)) + it.debit + it.credit
    return list(sums.items())


def _money(snapshot: Snapshot, currency: Currency) -> Money:
    _, _, amount = headline(snapshot.source)
    whole = amount is not None and is_whole(amount, currency)
    return abs(Money(amount, currency)) if whole and amount is not None else Money.zero(currency)


def _once(findings: Sequence[Finding]) -> list[Finding]:
    return list({(finding.code, finding.says): finding for finding in findings}.values())
