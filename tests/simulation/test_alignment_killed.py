"""An alignment that is killed again and again while answers are lost: nobody is made twice, and it comes to an end.

It is the product itself, `ml-connector parties align`, over HTTP to both sandboxes; a seed draws when it is killed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ml_connector.mapping.tables import Row, Table
from ml_connector.parties.records import How, Pair
from ml_connector.runtime import settings as form
from ml_connector.runtime.trial import APP_KEY, CLIENT_ID, CLIENT_SECRET
from ml_connector.sandbox.company import Company
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.neighbourhood import NOBODY, Neighbourhood
from ml_connector.sandbox.shop import Shop
from ml_connector.workbook.reading import read as read_workbook
from tests.simulation.nursery import Nursery
from tests.simulation.world import A_PERSON_IS_NEEDED, DONE, NAME, PAUSE, World, a_world, wait_for_late_deeds

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
KILLS = 25
AROUND = (160, 40)  # customers and vendors


def table(name: str, *rows: dict[str, str]) -> Table:
    return Table(name, tuple(rows[0]), tuple(Row(number, row) for number, row in enumerate(rows, 2)))


def set_up(world: World) -> None:
    """Everybody is created on the side that lacks them; ServiceTitan owns names and addresses, GP whether one is active."""
    known = world.database.connections("simulation")
    settings = form.from_values(known.get(NAME).definition, "the world's")
    there = msgspec.structs.replace(settings.servicetitan, application_guid=GUID)
    known.change(NAME, form.to_values(msgspec.structs.replace(settings, servicetitan=there)))
    tables = read_workbook(Path(world.environment["ML_CONNECTOR_DATA"]) / "rulebook")
    assert not isinstance(tables, tuple)
    roles = ("customer", "vendor")
    options = {"bind_certain": "yes", "create_customers": "on both sides", "create_vendors": "on both sides"}
    kept = [dict(row.cells) for row in tables["Options"].rows]
    made = {
        **tables,
        "Party defaults": table(
            "Party defaults",
            {"role": "customer", "type": "", "gp_class": "RESIDENTIAL"},
            {"role": "customer", "type": "Commercial", "gp_class": "COMMERCIAL"},
            {"role": "vendor", "type": "", "gp_class": "TRADE"},
        ),
        "Party fields": table(
            "Party fields",
            *({"role": it, "field": field, "owner": "ServiceTitan"} for it in roles for field in ("name", "address")),
        ),
        "Options": table(
            "Options",
            *({"option": it["option"], "value": it["value"]} for it in kept),
            *({"option": name, "value": value} for name, value in options.items()),
        ),
    }
    world.ledger.add_rulebook(made, "simulation", "alignment")


@contextmanager
def a_town(folder: Path, url: str, nursery: Nursery, dialect: str) -> Iterator[World]:
    """Both systems know a neighbourhood, each in its own words."""
    around = Neighbourhood(*AROUND)
    shop = Shop(
        a_month(2026, 5, 5),
        neighbourhood=around,
        kept_as=(GUID, "gp_id_FRM"),
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        app_key=APP_KEY,
    )
    company = Company.front_range(neighbourhood=around)
    with a_world(folder, url, nursery, shop=shop, company=company, dialect=dialect) as world:
        set_up(world)
        yield world


@pytest.mark.parametrize(("dialect", "database"), [("one", "sqlite"), ("two", "postgresql"), ("soap", "sqlite")])
def test_nobody_is_made_twice_however_often_it_is_killed(
    dialect: str, database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Twenty-five kills and lost answers on both sides: it comes to the same end as one that nothing disturbed."""
    draw = random.Random(7)
    with a_town(tmp_path / "world", an_empty_ledger(database), nursery, dialect) as world:
        for side in (world.faults, world.shop.faults):
            side.order(Fault.ANSWER_LOST_AFTER, method="POST", path="/", times=10**6, probability=0.1)
            side.order(Fault.ANSWER_LOST_BEFORE, method="POST", path="/", times=10**6, probability=0.05)
        while world.kills < KILLS:
            command = world.start("parties", "align", NAME)
            time.sleep(draw.uniform(0.3, 3))
            world.kills += command.kill()
            world.let_the_lease_end()
        world.faults.clear()
        world.shop.faults.clear()
        wait_for_late_deeds()
        align_to_the_end(world)
        assert_a_further_one_writes_nothing(world)
        came_to = everybody(world)
        assert made_a_second_time(world) == []
    with a_town(tmp_path / "calm", an_empty_ledger("sqlite"), nursery, dialect) as calm:
        align_to_the_end(calm)
        assert came_to == everybody(calm)
    created = [it for it in came_to["bound"] if it[-1] == How.CREATED.value]
    assert len(created) > 20


def made_a_second_time(world: World) -> list[Pair]:
    """Who was made on one side although the other's people had them there already, under whatever name; but for those of whom
    nothing tells but ServiceTitan's id in a field of GP's that this company does not show us."""
    around = Neighbourhood(*AROUND)
    people = (around.customers, around.vendors)
    hidden = {id for it in people for id in it.stories["kept_in_books"]}
    truth = {id: gp_id for it in people for id, gp_id in it.truth.items() if id not in hidden}
    made = [it.pair for it in world.ledger.crosswalk().bindings() if it.how is How.CREATED]
    known = set(truth.values())
    return [
        it
        for it in made
        if truth.get(it.field_id, NOBODY) != NOBODY or (it.field_id not in truth and it.gp_id in known)
    ]


def align_to_the_end(world: World) -> None:
    for _ in range(10):
        command = world.start("parties", "align", NAME)
        assert command.wait() in (DONE, A_PERSON_IS_NEEDED), command.out.read_text() + command.err.read_text()
        if not any(it["done"]["in_doubt"] for it in command.told()["aligned"]):
            return
        time.sleep(2 * PAUSE)
    raise AssertionError(command.out.read_text())


def everybody(world: World) -> dict[str, list[tuple[str, ...]]]:
    """Who stands on either side, and who is bound to whom. ServiceTitan gives ids in the order in which it is asked, so
    whom we made there is known by name."""
    bound = world.ledger.crosswalk().bindings()
    rows: Any = world.shop.records()
    return {
        "gp": sorted((it.id, it.name) for it in (*world.company.customers(), *world.company.vendors())),
        "servicetitan": sorted((row["name"],) for row in (*rows["customers"], *rows["vendors"])),
        "bound": sorted((it.pair.role.value, it.pair.gp_id, it.in_field.name, it.how.value) for it in bound),
    }


def assert_a_further_one_writes_nothing(world: World) -> None:
    before = repr(world.shop.records()), [*world.company.customers()], [*world.company.vendors()]
    told = world.call("parties", "align", NAME)
    counts = [it["done"] for it in told["aligned"]]
    for name in ("created_in_gp", "created_in_servicetitan", "updated_in_gp", "updated_in_servicetitan", "bound"):
        assert [it[name] for it in counts] == [0, 0]
    assert (repr(world.shop.records()), [*world.company.customers()], [*world.company.vendors()]) == before
