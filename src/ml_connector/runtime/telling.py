"""To tell people: what a message says, and how it leaves, through apprise (mail, Teams, Slack, a webhook).

An address of apprise holds passwords and tokens. It is looked up when it is needed, and no word of it reaches a log, the
ledger or a message: what apprise says went wrong is blotted first.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from ml_connector.store.alerts import AlertRecord

UNKNOWN = "it is no address that apprise knows"
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class News:
    """What one message tells of one connection."""

    connection: str
    new: Sequence[AlertRecord] = ()
    again: Sequence[AlertRecord] = ()  # told before, and still so
    well: Sequence[AlertRecord] = ()  # told before, and well again
    digest: bool = False


def message(news: News, zone: ZoneInfo) -> tuple[str, str]:
    """Title and text, for people; moments by the clock of `zone`."""
    parts = (("", news.new), ("Still so", news.again), ("Well again", news.well))
    lines = [line for heading, them in parts if them for line in (*_part(heading, them, zone), "")]
    return _title(news), "\n".join(lines or ["Nothing needs a person.", ""])


def send(address: str, title: str, body: str) -> str:
    """Send it once, to wherever the address says. "" where it was taken, else why not, without a word of the address.

    Comes back within half a minute. Raises nothing for what the address or the network may do.
    """
    for name in ("apprise", "urllib3"):  # they log addresses
        logging.getLogger(name).propagate = False
    from apprise import Apprise, AppriseAsset, NotifyFormat  # late: it is large, and most commands tell nobody

    asset = AppriseAsset(
        app_id="ml-connector",
        app_desc="ml-connector",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
        service_timeout=30,
        result_log_disk_size=0,
    )
    bell = Apprise(asset=asset)
    if not bell.add(address):
        return UNKNOWN
    told = bell.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
    if told:
        return ""
    said = (entry.message for result in told for attempt in result for entry in attempt)
    return blotted(" ".join(" ".join(said).split()), address)[:_LONGEST] or "it was not taken, and no reason was given"


def blotted(text: str, address: str) -> str:
    """The text without anything of the address but its scheme."""
    for piece in sorted(set(_pieces(address)), key=len, reverse=True):
        text = text.replace(piece, "***")
    return text


def _pieces(address: str) -> Iterator[str]:
    rest = address.partition("://")[2] or address
    parts = urlsplit(f"any://{rest}")
    words = re.split(r"[@:/,]", f"{parts.netloc}/{parts.path}/{parts.fragment}")
    words += [value for _, value in parse_qsl(parts.query)]
    for word in (rest, parts.netloc, *words):
        for text in (word, unquote(word)):
            if len(text) > 2:
                yield text


def _title(news: News) -> str:
    count = len(news.new)
    if count:
        what = f"{count} thing{' needs' if count == 1 else 's need'} a person"
    elif news.again:
        what = f"{len(news.again)} thing{' still needs' if len(news.again) == 1 else 's still need'} a person"
    else:
        what = "well again" if news.well else "nothing needs a person"
    return f"ml-connector {news.connection}: {what}" + (" (digest)" if news.digest else "")


def _part(heading: str, alerts: Sequence[AlertRecord], zone: ZoneInfo) -> Iterator[str]:
    if heading:
        yield heading
        yield ""
    for it in alerts:
        where = f" ({it.finding.where})" if it.finding.where else ""
        yield f"* {it.finding.says}{where}"
        if it.cleared is None:
            yield f"  What to do: {it.finding.remedy}"
        yield f"  {it.code}, since {_local(it.raised, zone)}" + (
            f"; well since {_local(it.cleared, zone)}" if it.cleared else ""
        )


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
