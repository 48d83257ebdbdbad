"""Forty kills at random moments, with answers lost at random: GP ends with one document per source all the same.

A seed draws the month, the faults, and the moments. What it does not draw is when the operating system lets whom run;
so a failing seed fails again often, and its history is printed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.sandbox.faults import Fault, Faults
from tests.simulation.nursery import Nursery
from tests.simulation.watched import Moment
from tests.simulation.world import PAUSE, a_shop, a_world, wait_for_late_deeds, without_trouble

KILLS = 5  # in each of eight ledgers
ALWAYS = 10**6

CREATES = {  # how likely each is when GP is asked to enter a document: one in nine suffers something
    Fault.ANSWER_LOST_AFTER: 0.03,
    Fault.ANSWER_LOST_BEFORE: 0.02,
    Fault.ERROR_AFTER: 0.01,
    Fault.SERVER_ERROR: 0.01,
    Fault.RESET_IN_BODY: 0.01,
    Fault.TRUNCATED_JSON: 0.01,
    Fault.HTML_WITH_200: 0.01,
    Fault.TOO_MANY_REQUESTS: 0.01,
    Fault.BATCH_LOCKED: 0.01,
}
READS = (Fault.SERVER_ERROR, Fault.RESET_IN_BODY, Fault.TRUNCATED_JSON, Fault.HTML_WITH_200, Fault.ANSWER_LOST_AFTER)
FEEDS = (*READS, Fault.EMPTY_PAGE, Fault.REPEATED_TOKEN, Fault.TOKEN_REVOKED)


@pytest.mark.parametrize("seed", range(8))
def test_killed_at_random_amid_lost_answers_it_still_enters_each_document_once(
    seed: int, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Five kills, then it is run until nothing is in doubt; the month goes on meanwhile."""
    draw = random.Random(seed)
    url = an_empty_ledger("sqlite" if seed % 2 else "postgresql")
    dialect = "two" if seed in (1, 2, 5, 6) else "one"
    shop = a_shop(seed=1000 + seed, page_rows=draw.randint(5, 40))
    with a_world(tmp_path / "world", url, nursery, shop=shop, dialect=dialect, seed=seed) as world:
        trouble(world.faults, shop.faults, draw)
        while world.kills < KILLS:
            if not world.run_into("", draw.choice(list(Moment)), nth=draw.randint(1, 50), delay=draw.uniform(0, 0.03)):
                world.trade_goes_on()
        world.finish()
        world.faults.clear()
        shop.faults.clear()
        wait_for_late_deeds()
        world.finish()
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, shop)
        world.assert_exactly_once(truth)
        assert world.kills == KILLS


def trouble(gp: Faults, shop: Faults, draw: random.Random) -> None:
    for fault, probability in CREATES.items():
        gp.order(fault, method="POST", times=ALWAYS, probability=probability, seconds=0.1)
    for share in (0.1, 0.5, 0.9):  # of the pause: GP is not done yet when the line drops, but when it is asked it is
        gp.order(Fault.STILL_WORKING, method="POST", times=ALWAYS, probability=0.01, seconds=PAUSE * share)
    for fault in READS:
        gp.order(fault, method="GET", times=ALWAYS, probability=0.005)
    for fault in FEEDS:
        shop.order(fault, path="/v2/", skip=draw.randint(0, 30))
