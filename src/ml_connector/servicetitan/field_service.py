"""ServiceTitan as the pipeline sees it: port `FieldService`, by shape."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_connector.field import party
from ml_connector.field.feed import FeedPage
from ml_connector.field.snapshot import Source
from ml_connector.field.source import Named, SourceKind
from ml_connector.findings import Interrupted
from ml_connector.servicetitan import errors, feeds, parse, releases, wire
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.errors import Unintelligible, Unreadable

NEEDED = (
    wire.INVOICES,
    wire.BILLS,
    wire.TAX_ZONES,
    wire.CUSTOMERS,
    wire.JOBS,
    wire.JOB_TYPES,
    wire.PROJECTS,
    wire.PURCHASE_ORDERS,
    wire.VENDORS,
    wire.BUSINESS_UNITS,
    wire.TAG_TYPES,
)
HOPELESS = ("servicetitan.unreachable", "servicetitan.app_key", "servicetitan.refused")  # no other read fares better


class FieldService:
    """One tenant, read. What hardly changes (tax zones, job types, tags) is read once in the life of the object."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tax_zones: dict[int, party.TaxZone] | None = None
        self._names: dict[wire.Listing[wire.Named], dict[int, str]] = {}
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """Requests sent to ServiceTitan so far."""
        return self._client.calls

    @property
    def throttled(self) -> int:
        """How many of them ServiceTitan turned away as too many."""
        return self._client.throttled

    def feed(self, kind: SourceKind, token: str | None) -> Iterator[FeedPage]:
        """Pages of what changed since `token` (None: from the beginning), until there is no more for now."""
        return feeds.feed(self._client, kind, token)

    def read(self, kind: SourceKind, raw: bytes) -> tuple[Source, ...]:
        """The sources of a page that was kept as evidence, in its order."""
        place = f"a kept page of {feeds.RESOURCES[kind]}"
        try:
            return feeds.read_page(kind, raw).sources
        except Unreadable as bad:
            raise errors.unreadable(place, bad) from None
        except Unintelligible as bad:
            raise Interrupted(errors.unintelligible(place, str(bad)).finding) from None

    def customers(self, ids: Sequence[int]) -> Mapping[int, party.Customer]:
        rows = self._client.by_ids(wire.CUSTOMERS, ids)
        return {id: parse.customer(row) for id, row in rows.items()}

    def vendors(self, ids: Sequence[int]) -> Mapping[int, party.Vendor]:
        rows = self._client.by_ids(wire.VENDORS, ids)
        return {id: parse.vendor(row) for id, row in rows.items()}

    def jobs(self, ids: Sequence[int]) -> Mapping[int, party.Job]:
        """Jobs with the names of their types and tags and the numbers of their projects."""
        rows = self._client.by_ids(wire.JOBS, ids)
        types = self._named(wire.JOB_TYPES, {row.job_type_id for row in rows.values() if row.job_type_id})
        tags = self._named(wire.TAG_TYPES, {tag for row in rows.values() for tag in row.tag_type_ids or ()})
        projects = self._client.by_ids(wire.PROJECTS, {row.project_id for row in rows.values() if row.project_id})
        numbers = {id: project.number or str(id) for id, project in projects.items()}
        return {id: parse.job(row, types, tags, numbers) for id, row in rows.items()}

    def purchase_orders(self, ids: Sequence[int]) -> Mapping[int, party.PurchaseOrder]:
        rows = self._client.by_ids(wire.PURCHASE_ORDERS, ids)
        return {id: parse.purchase_order(row) for id, row in rows.items()}

    def tax_zones(self) -> Mapping[int, party.TaxZone]:
        """All tax zones, inactive ones included."""
        with self._lock:
            if self._tax_zones is None:
                rows = self._client.everything(wire.TAX_ZONES)
                self._tax_zones = {id: self._tax_zone(row) for id, row in rows.items()}
            return self._tax_zones

    def business_units(self) -> list[Named]:
        """All business units, inactive ones included, by id."""
        rows = self._client.everything(wire.BUSINESS_UNITS)
        return [parse.named(rows[id]) for id in sorted(rows)]

    def released(self) -> Mapping[SourceKind, int]:
        """How many sources of each kind the tenant has released: posted or exported, whenever that was."""
        return {kind: releases.count(self._client, kind) for kind in SourceKind}

    # For doctor

    def sign_in(self) -> None:
        """Get a token, if there is none. Raises Interrupted."""
        self._client.sign_in()

    def try_one(self, listing: wire.Listing[Any]) -> None:
        """Read one row: whether the app key, the tenant and the scope open it. Raises Interrupted."""
        next(self._client.pages(listing, page_size=1), None)

    # How it is done

    def _named(self, listing: wire.Listing[wire.Named], wanted: Iterable[int]) -> Mapping[int, str]:
        """Names by id, read once, and once more for an id that was not there then."""
        with self._lock:
            known = self._names.get(listing)
            missing = set(wanted) - (known or {}).keys()
            if missing:
                rows = self._client.everything(listing)
                known = {id: row.name or "" for id, row in rows.items()} | dict.fromkeys(missing - rows.keys(), "")
                self._names[listing] = known
            return known or {}

    def _tax_zone(self, row: wire.TaxZone) -> party.TaxZone:
        try:
            return parse.tax_zone(row)
        except ValueError as bad:
            problem = Unreadable(f"tax zone {row.id}", str(bad))
            raise errors.unreadable(self._client.place(wire.TAX_ZONES), problem) from None
