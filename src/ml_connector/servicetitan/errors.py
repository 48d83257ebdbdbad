"""What can go wrong between ServiceTitan and us, and what a person does about it.

Whatever leaves this room is `findings.Interrupted`; the code of its finding says which of these it is:

    Interrupted
    ├── nobody answers as agreed: tried again with patience, then given up until the next run
    │   ├── servicetitan.unreachable      no connection, a reset, a time-out, no trusted certificate
    │   ├── servicetitan.busy             429, 5xx, or 409 for maintenance
    │   └── servicetitan.unintelligible   HTML with 200, truncated JSON, a page without its keys, a redirect
    ├── we are refused: tried no further, since a person must act
    │   ├── servicetitan.credentials      the client id or the client secret is wrong
    │   ├── servicetitan.sign_in          the token endpoint refuses for another reason
    │   ├── servicetitan.app_key          the app key is wrong
    │   ├── servicetitan.refused          a fresh token is refused: application disconnected, or another tenant's
    │   ├── servicetitan.forbidden        a scope is missing
    │   └── servicetitan.rejected         the request itself: 400, 404 and the like
    └── the answer cannot be relied on: tried no further, and nothing is skipped
        ├── servicetitan.unreadable       a row whose id, amount or date is none
        ├── servicetitan.feed_stuck       there is more, and the place to go on from does not move
        ├── servicetitan.filter_ignored   rows that we did not ask for
        └── servicetitan.rows_missing     fewer rows than there are

Only 400, 404 and 409 have a documented body (schema ApiErrorResponse of the OpenAPI documents); the others may be
anything, so they are looked at with care and quoted not at all. Within the room a failed attempt is a value,
`Trouble`, so that no exception carries the frames in which a secret was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

import httpx2
import msgspec

from ml_connector.findings import Finding, Interrupted

ACCESS_PLACE = "ServiceTitan under Settings > Integrations > API Application Access"
PORTAL_PLACE = "ServiceTitan's developer portal under My Apps"
OUR_PLACE = "the credentials of the connection in ml-connector"
THEN = "then run 'ml-connector doctor'"


class Unintelligible(Exception):
    """A body that is not what ServiceTitan sends: cut short, not JSON, or a page without its keys. May pass."""


class Unreadable(Exception):
    """One row of a sound page that we cannot read. Asking again would bring the same."""

    def __init__(self, row: str, problem: str) -> None:
        super().__init__(f"{row}: {problem}")
        self.row, self.problem = row, problem


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an attempt brought no answer; `passing` when another attempt may."""

    finding: Finding
    passing: bool
    wait: float | None = None  # seconds that Retry-After asks for


def unreachable(where: str, cause: Exception) -> Trouble:
    says = f"no answer from ServiceTitan: {type(cause).__name__}" + (f", {cause}" if str(cause) else "")
    remedy = (
        "Check on this machine that the network, the proxy and the firewall let ml-connector reach ServiceTitan's "
        f"addresses, {THEN}; what was read before is kept, and the next run goes on from there."
    )
    return Trouble(Finding("servicetitan.unreachable", where, says, remedy), passing=True)


def unintelligible(where: str, problem: str) -> Trouble:
    return Trouble(
        Finding(
            "servicetitan.unintelligible",
            where,
            f"the answer is not what ServiceTitan sends: {problem}",
            "Check that no proxy or sign-in page stands between this machine and ServiceTitan, and the API address "
            f"in {OUR_PLACE}, {THEN}; the next run goes on from where this one stopped.",
        ),
        passing=True,
    )


def refusal(where: str, scope: str, answer: httpx2.Response, secrets: Iterable[str]) -> Trouble:
    """What an API answer other than 200 means; `secrets` are blotted out of what is quoted."""
    status = answer.status_code
    told = told_by(answer.content, secrets)
    if status in (408, 409, 425, 429) or status >= 500:
        return _busy(where, status, answer.headers)
    if 300 <= status < 400:
        return unintelligible(where, f"a redirect ({status})")
    if status in (401, 403) and re.search(rb"app[\s_-]*(lication[\s_-]*)?key", answer.content, re.IGNORECASE):
        says = f"ServiceTitan does not accept the app key ({status})"
        remedy = f"Copy the app key from {PORTAL_PLACE} to {OUR_PLACE}, {THEN}."
        return Trouble(Finding("servicetitan.app_key", where, says, remedy), passing=False)
    if status == 401:
        says = "ServiceTitan has just given us a token and refuses it (401)"
        remedy = (
            f"See in {ACCESS_PLACE} that the application is connected and enabled for this tenant, and compare the "
            f"tenant id and the app key with those in {OUR_PLACE}, {THEN}."
        )
        return Trouble(Finding("servicetitan.refused", where, says, remedy), passing=False)
    if status == 403:
        says = f"ServiceTitan does not let this application do this (403); scope {scope} is needed"
        remedy = f"Give the application the scope {scope} in {PORTAL_PLACE}, approve it in {ACCESS_PLACE}, {THEN}."
        return Trouble(Finding("servicetitan.forbidden", where, says, remedy), passing=False)
    says = f"ServiceTitan rejects the request ({status})" + (f": {told}" if told else "")
    remedy = f"Compare the tenant id and the API address in {OUR_PLACE} with {PORTAL_PLACE}; if right, report this."
    return Trouble(Finding("servicetitan.rejected", where, says, remedy), passing=False)


def sign_in_refusal(where: str, answer: httpx2.Response) -> Trouble:
    """What an answer of the token endpoint other than 200 means (OAuth 2.0, RFC 6749 §5.2)."""
    status = answer.status_code
    if status in (408, 429) or status >= 500:
        return _busy(where, status, answer.headers)
    if 300 <= status < 400:
        return unintelligible(where, f"a redirect ({status})")
    error = _oauth_error(answer.content)
    if error == "invalid_client":
        says = "ServiceTitan does not accept the client id with this client secret (invalid_client)"
        remedy = f"Take the client id and a new client secret from {ACCESS_PLACE} to {OUR_PLACE}, {THEN}."
        return Trouble(Finding("servicetitan.credentials", where, says, remedy), passing=False)
    says = f"ServiceTitan refuses the sign-in ({status}{', ' + error if error else ''})"
    remedy = (
        f"Compare the authentication address in {OUR_PLACE} with {PORTAL_PLACE}, and see in {ACCESS_PLACE} that the "
        f"application is enabled, {THEN}."
    )
    return Trouble(Finding("servicetitan.sign_in", where, says, remedy), passing=False)


def unreadable(where: str, bad: Unreadable) -> Interrupted:
    return Interrupted(
        Finding(
            "servicetitan.unreadable",
            f"{where}, {bad.row}",
            f"{bad.row} cannot be read: {bad.problem}",
            f"Open {bad.row} in ServiceTitan and correct what is named; if it looks right there, report this. "
            "Nothing was skipped: the next run reads this page again.",
        )
    )


def feed_stuck(where: str, problem: str) -> Interrupted:
    return Interrupted(
        Finding(
            "servicetitan.feed_stuck",
            where,
            f"ServiceTitan says that there is more, but {problem}",
            "Run ml-connector again in ten minutes: it goes on from the last page that was kept. If this stays, "
            "report it to ServiceTitan's API support with the place named here.",
        )
    )


def filter_ignored(where: str, asked: str, stranger: int | None) -> Interrupted:
    return Interrupted(
        Finding(
            "servicetitan.filter_ignored",
            where,
            f"ServiceTitan was asked for {asked} and answered with another: {stranger}",
            "Nothing of this answer was used. Report it, with the place named here: ServiceTitan's API has changed, "
            "and ml-connector must follow.",
        )
    )


def rows_missing(where: str, told: int, read: int) -> Interrupted:
    return Interrupted(
        Finding(
            "servicetitan.rows_missing",
            where,
            f"ServiceTitan says that there are {told} rows, and gives {read}, twice",
            "Run ml-connector again: rows may have moved while they were read. If this stays, report it to ServiceTitan's "
            "API support with the place named here.",
        )
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None without a usable header."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if isfinite(seconds) else None


def _busy(where: str, status: int, headers: Mapping[str, str]) -> Trouble:
    wait = retry_after(headers)
    what = {429: "too many calls", 409: "closed for maintenance"}.get(status, "out of order")
    says = f"ServiceTitan is busy: {what} ({status})" + (f", come back in {wait:.0f} s" if wait else "")
    remedy = (
        "Run ml-connector again in a while: it goes on from where it stopped. If this stays, see "
        "ServiceTitan's status page, and whether another program uses the same app key."
    )
    return Trouble(Finding("servicetitan.busy", where, says, remedy), passing=True, wait=wait)


class _ApiError(msgspec.Struct):
    title: str | None = None
    errors: dict[str, list[str] | str | None] | None = None


class _OAuthError(msgspec.Struct):
    error: str | None = None


def told_by(body: bytes, secrets: Iterable[str]) -> str:
    """The title and the field messages of an ApiErrorResponse, in one line; "" of anything else."""
    try:
        error = msgspec.json.decode(body, type=_ApiError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    parts = [error.title] if error.title else []
    for field, messages in (error.errors or {}).items():
        parts.append(f"{field}: {messages if isinstance(messages, str) else ' '.join(messages or ())}")
    text = " ".join("; ".join(parts).split())
    for secret in secrets:
        text = text.replace(secret, "[secret]") if secret else text
    return text[:500]


def _oauth_error(body: bytes) -> str:
    """The error code of the token endpoint, when it is one: nothing else of that answer is ever quoted."""
    try:
        error = msgspec.json.decode(body, type=_OAuthError).error or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return error if re.fullmatch(r"[a-z_]{1,40}", error) else ""
