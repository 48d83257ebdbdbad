"""The one door by which anything is written to ServiceTitan, and the whole list of what may go through it.

Customers, their contacts, and vendors; nothing else. No bill, purchase order or general-ledger account can leave us: what
is not on the list is refused as a fault of our own program before anything is sent. A write is sent once. ServiceTitan
has no idempotency key, so one whose answer is lost is in doubt: whoever sent it looks before it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeAlias, TypeVar

import httpx2
import msgspec

from ml_connector.books.outcomes import Deferred, Exchange, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.errors import Unintelligible, Unreadable

T = TypeVar("T")

CUSTOMERS_SCOPE, VENDORS_SCOPE = "tn.crm.customers:w", "tn.inv.vendors:w"


@dataclass(frozen=True, slots=True)
class Deed:
    """A kind of write: `{module}/v2/tenant/{tenant}/{path}`, its ids in braces, and the scope that lets us."""

    method: str
    module: str
    path: str
    scope: str

    def __str__(self) -> str:
        return f"{self.method} {self.module}/{self.path}"


CREATE_CUSTOMER = Deed("POST", "crm", "customers", CUSTOMERS_SCOPE)
CHANGE_CUSTOMER = Deed("PATCH", "crm", "customers/{}", CUSTOMERS_SCOPE)
ADD_CONTACT = Deed("POST", "crm", "customers/{}/contacts", CUSTOMERS_SCOPE)
CHANGE_CONTACT = Deed("PATCH", "crm", "customers/{}/contacts/{}", CUSTOMERS_SCOPE)
CREATE_VENDOR = Deed("POST", "inventory", "vendors", VENDORS_SCOPE)
CHANGE_VENDOR = Deed("PATCH", "inventory", "vendors/{}", VENDORS_SCOPE)

_ENCODER = msgspec.json.Encoder(decimal_format="number")

ALLOWED = frozenset({CREATE_CUSTOMER, CHANGE_CUSTOMER, ADD_CONTACT, CHANGE_CONTACT, CREATE_VENDOR, CHANGE_VENDOR})


class NotAllowed(Exception):
    """Our own program asked for a write that is not on the list. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Taken(Generic[T]):
    """ServiceTitan did it, and answered this."""

    value: T
    wire: Exchange


@dataclass(frozen=True, slots=True)
class Refused:
    """ServiceTitan looked at the request and did nothing. `status` 404: there is no such record."""

    status: int
    said: str
    wire: Exchange


Answered: TypeAlias = Taken[T] | Refused | InDoubt | Deferred


class Door:
    """Safe to use from many threads."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, deed: Deed, body: Mapping[str, object], decode: Callable[[bytes], T], *ids: int) -> Answered[T]:
        """One write, sent once: again only where ServiceTitan did not even look at it, as the token was refused.

        Raises NotAllowed for what is not on the list, and Interrupted where we are turned away altogether (sign-in, app
        key, scope): ServiceTitan did nothing then.
        """
        if deed not in ALLOWED:
            raise NotAllowed(f"{deed} is not among the writes that may leave for ServiceTitan")
        content = _ENCODER.encode(body)
        answer: httpx2.Response | InDoubt | Deferred = self._client.signed_in(
            partial(self._request, deed, content, ids)
        )
        if not isinstance(answer, httpx2.Response):
            return answer
        wire = Exchange(content, b"HTTP %d\n" % answer.status_code + self._client.heard(answer))
        status = answer.status_code
        if status == 200:
            try:
                return Taken(decode(answer.content), wire)
            except (Unintelligible, Unreadable) as bad:
                return InDoubt(f"ServiceTitan's answer is not understood: {bad}", wire)
        if status == 429:
            return Deferred("ServiceTitan takes no more calls for now (429)", wire)
        if status == 408 or status >= 500 or 300 <= status < 400:
            return InDoubt(f"ServiceTitan answered {status}", wire)
        if status in (401, 403):
            raise Interrupted(self._client.refusal(deed, deed.scope, answer).finding)
        said = self._client.said(answer)
        if status == 404 or said:
            return Refused(status, said or "it is not there", wire)
        return InDoubt(f"ServiceTitan answered {status}, and what it says is not understood", wire)

    def _request(
        self, deed: Deed, content: bytes, ids: tuple[int, ...], headers: Mapping[str, str]
    ) -> httpx2.Response | InDoubt | Deferred:
        url = self._client.url(deed.module, deed.path.format(*ids))
        try:
            return self._client.access.timed(
                lambda: self._client.http.request(
                    deed.method, url, content=content, headers={**headers, "Content-Type": "application/json"}
                )
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.InvalidURL) as error:
            return Deferred(f"nothing was sent to ServiceTitan: {_cause(error)}")
        except httpx2.HTTPError as error:
            return InDoubt(f"the answer was lost: {_cause(error)}", Exchange(content))


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
