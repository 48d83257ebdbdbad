"""What must not be read in a log is taken out of it: by name, by value, and by what it looks like.

Credentials are told to `keep_out` when they are looked up, so that they are found wherever a log line, a message of
somebody else's library or a traceback repeats them.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

HIDDEN = "•••"
SHORTEST = 4  # characters; a shorter text stands in every other line by chance

_NAMES = re.compile(
    r"(?i)secret|passw|token|authori[sz]ation|app.?key|api.?key|application.?key|signature|credential|cookie|private.?key"
)
_WORD = r"[\w.-]{0,40}(?:secret|passw\w*|token|authorization|app[_-]?key|api[_-]?key|applicationkey|signature|\bsig)\w{0,40}"
_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Authorization: Negotiate YIIZ…, as header and as member
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*b?[\"']?)[^\"'\r\n,}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|negotiate|ntlm)\s+[A-Za-z0-9+/._~-]{16,}=*"), rf"\1 {HIDDEN}"),
    # ?client_secret=…&, password=…, "password": "…", 'password': b'…'
    (re.compile(rf"(?i)\b({_WORD})=(?!=)[\"']?[^\s&\"',;)}}\]]+"), rf"\1={HIDDEN}"),
    (re.compile(rf"(?i)([\"']{_WORD}[\"']\s*:\s*b?([\"'])).*?(?<!\\)\2"), rf"\1{HIDDEN}\2"),
    # scheme://user:password@host
    (re.compile(r"(://[^/\s:@]+:)[^@/\s]+@"), rf"\1{HIDDEN}@"),
    # a signed token
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), HIDDEN),
)

_lock = threading.Lock()
_kept_out: set[str] = set()
_longest_first: tuple[str, ...] = ()


def keep_out(secret: str) -> None:
    """Never let this text, or the forms that it is written in, be read in a log of this process."""
    global _longest_first
    if len(secret) < SHORTEST or secret in _kept_out:
        return
    with _lock:
        _kept_out.update(_forms(secret))
        _longest_first = tuple(sorted(_kept_out, key=len, reverse=True))


def cleaned(text: str) -> str:
    """The text without what must not be read."""
    for secret in _longest_first:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    for look, instead in _LOOKS:
        text = look.sub(instead, text)
    return text


def clean(value: object, name: str = "") -> object:
    """A value of a log line as JSON can hold it, and without what must not be read."""
    if _NAMES.search(name) and value is not None:
        return HIDDEN
    match value:
        case None | bool():
            return value
        case int() | float():
            return value if str(value) not in _kept_out else HIDDEN
        case str():
            return cleaned(value)
        case bytes():
            return cleaned(value.decode("utf-8", "backslashreplace"))
        case Mapping():
            return {cleaned(str(key)): clean(it, str(key)) for key, it in value.items()}
        case list() | tuple() | set() | frozenset():
            return [clean(it) for it in value]
        case _:
            return cleaned(str(value))


def _forms(secret: str) -> set[str]:
    """As it is, and as it stands in an address, in JSON, in markup, in a Python text, in base64."""
    raw = secret.encode()
    escaped = {
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(raw)[2:-1],
    }
    written = {quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret), ascii(secret)[1:-1]}
    return {secret, *escaped, *written, base64.b64encode(raw).decode("ascii")}
