"""Signatures, and when a burst of webhooks is due: decided from arguments alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.runtime.debounce import due_at, is_due
from ml_connector.servicetitan.webhook import SignatureForm, genuine

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
FORMS = st.builds(
    SignatureForm, st.just("X"), st.sampled_from(["hex", "base64"]), st.sampled_from(["", "sha256=", "v1,"])
)
KEYS = st.binary(min_size=16, max_size=64)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_the_signature_is_the_hmac_of_rfc_4231() -> None:
    """Test case 2 of the RFC, in both encodings."""
    key, body = b"Jefe", b"what do ya want for nothing?"
    hexed = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert SignatureForm("X").write(key, body) == hexed
    assert (
        SignatureForm("X", "base64", "sha256=").write(key, body)
        == "sha256=" + base64.b64encode(bytes.fromhex(hexed)).decode()
    )
    assert genuine([key], body, bytes.fromhex(hexed))


@given(FORMS, st.lists(KEYS, min_size=1, max_size=2, unique=True), st.binary(max_size=300), st.data())
def test_each_key_opens_and_no_other_one_does(
    form: SignatureForm, keys: list[bytes], body: bytes, data: st.DataObject
) -> None:
    mine = form.read(form.write(data.draw(st.sampled_from(keys)), body))
    assert mine is not None
    assert genuine(keys, body, mine)
    strange = data.draw(KEYS.filter(lambda key: all(_padded(key) != _padded(it) for it in keys)))
    other = form.read(form.write(strange, body))
    assert other is not None
    assert not genuine(keys, body, other)
    assert not genuine(keys, body + b"\0", mine)
    assert not genuine([], body, mine)


def _padded(key: bytes) -> bytes:
    """HMAC fills a short key with zeros, so two that differ in these alone are one."""
    return key.ljust(64, b"\0")


@given(FORMS, st.text(max_size=120))
def test_no_text_breaks_the_reading_of_a_signature(form: SignatureForm, text: str) -> None:
    raw = form.read(text)
    assert raw is None or len(raw) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "00" * 31,
        "00" * 33,
        "0x" + "00" * 31,
        " ".join(["00"] * 32),
        "00" * 31 + "0g",
        "٠٠" * 32,
        "00" * 32 + "\0",
    ],
)
def test_what_is_no_sha256_in_hex_is_none(text: str) -> None:
    assert SignatureForm("X").read(text) is None


def test_hex_is_read_in_capitals_too_and_blanks_around_it_do_not_count() -> None:
    digest = hmac.digest(b"k", b"b", hashlib.sha256)
    assert SignatureForm("X").read(f"  {digest.hex().upper()} ") == digest


def test_a_burst_is_due_when_it_has_been_quiet() -> None:
    """The last of ten came at second 9; the run is due ten seconds after it."""
    assert due_at(at(0), at(9), debounce=10, longest_delay=60) == at(19)
    assert not is_due(at(18.9), at(0), at(9), 10, 60)
    assert is_due(at(19), at(0), at(9), 10, 60)


def test_a_stream_without_an_end_does_not_put_the_run_off_for_ever() -> None:
    assert due_at(at(0), at(59), debounce=10, longest_delay=60) == at(60)


@given(st.floats(0, 3600), st.floats(0, 3600), st.floats(0.1, 3600), st.floats(0.1, 3600))
def test_a_run_is_due_within_both_limits(gap: float, debounce: float, longest: float, later: float) -> None:
    """Never before the newest has come, never later than the first one may wait; and once due it stays due."""
    oldest, newest = at(0), at(gap)
    due = due_at(oldest, newest, debounce, longest)
    assert due <= oldest + timedelta(seconds=longest)
    assert due <= newest + timedelta(seconds=debounce)
    assert is_due(due, oldest, newest, debounce, longest)
    assert is_due(due + timedelta(seconds=later), oldest, newest, debounce, longest)


@given(st.lists(st.floats(0, 600), min_size=1, max_size=60), st.floats(1, 30), st.floats(30, 120))
def test_every_delivery_is_answered_by_exactly_one_run(moments: list[float], debounce: float, longest: float) -> None:
    """Asked every second, as the engine does: none is left, none waits longer than it may, one run a window."""
    waiting: list[float] = []
    coming = sorted(moments)
    answered, runs = 0, []
    for second in range(800):
        while coming and coming[0] <= second:
            waiting.append(coming.pop(0))
        if waiting and is_due(at(second), at(waiting[0]), at(waiting[-1]), debounce, longest):
            assert second - waiting[0] <= longest + 1
            answered += len(waiting)
            runs.append(second)
            waiting = []
    assert answered == len(moments)
    assert all(later - earlier >= min(debounce, longest) - 1 for earlier, later in pairwise(runs))
