"""A webhook's signature: HMAC-SHA256 over the bytes of the body, as they came.

ServiceTitan signs with a key of 32 to 64 characters and sends the signature "in the request header" (developer
documentation, Webhooks). It names neither the header nor the encoding, so both are a connection's settings.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SHORTEST_KEY = 16  # characters; below, a key can be guessed

_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """How a signature is written: `prefix` stands before it, as `sha256=`."""

    header: str
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""

    def read(self, given: str) -> bytes | None:
        """The 32 bytes that the header's text stands for; None where it stands for none."""
        text = given.strip()
        if not text.startswith(self.prefix):
            return None
        text = text[len(self.prefix) :]
        try:
            # fromhex would bear blanks between the bytes
            raw = bytes.fromhex(text) if self.encoding == "hex" and text.isalnum() else None
            raw = base64.b64decode(text, validate=True) if self.encoding == "base64" else raw
        except (ValueError, binascii.Error):
            return None
        return raw if raw is not None and len(raw) == _BYTES else None

    def write(self, key: bytes, body: bytes) -> str:
        """What the header of a genuine delivery says."""
        raw = _sign(key, body)
        return self.prefix + (raw.hex() if self.encoding == "hex" else base64.b64encode(raw).decode("ascii"))


def genuine(keys: Sequence[bytes], body: bytes, signature: bytes) -> bool:
    """Whether one of the keys made this signature of this body. It takes as long whichever key fits, or none."""
    fits = [hmac.compare_digest(_sign(key, body), signature) for key in keys]
    return any(fits)


def _sign(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")
