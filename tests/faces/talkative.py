"""A program that says everything it should not: what its log holds is for tests/faces/test_logs.py to read."""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from pathlib import Path
from urllib.parse import quote_plus

import httpx2

from ml_connector.gp.access import Access, Secret
from ml_connector.runtime import logs
from ml_connector.runtime.settings import secret


def no_vault(name: str) -> str:
    raise AssertionError(name)


def fail_with(text: str) -> None:
    try:
        raise ValueError(f"login with {text!r} was refused")
    except ValueError as fault:
        raise RuntimeError({"sent": text, "as": json.dumps(text)}) from fault


def speak(planted: str) -> None:
    """In our words, in those of libraries, and in tracebacks."""
    log = logging.getLogger("talkative")
    with logs.bound(connection="north", run=7):
        log.info("the password is %s", planted, extra={"docket": 12})
        log.info("sent", extra={"headers": {"Authorization": f"Bearer {planted}"}, "body": [planted, planted.encode()]})
        log.warning("GET https://gp/?client_secret=%s&page=2", quote_plus(planted))
        log.info("here is %r and %s", {"anything": planted}, json.dumps({"anything": planted}))
        log.info("what a person holds: %s %s", Secret(planted), Access("https://gp", "FRM", "user", Secret(planted)))
        try:
            fail_with(planted)
        except RuntimeError:
            log.exception("it failed")
        log.info("a badly written line %d", planted)
    logging.getLogger("uvicorn.error").error("request with %s", planted)
    logging.getLogger("httpx2").warning("%s", httpx2.Headers({"X-Any": planted.encode("ascii", "replace").decode()}))
    logging.getLogger("asyncio").error("task", exc_info=ValueError(planted))
    warnings.warn(f"deprecated: {planted}", stacklevel=1)
    thread = threading.Thread(target=fail_with, args=(planted,), name="lane 3")
    thread.start()
    thread.join()


def main(form: str, file: str) -> None:
    logs.begin("plain" if form == "plain" else "json", logging.DEBUG, Path(file) if file else None)
    planted = secret("env:PLANTED", "gp.FRM.password", no_vault)
    speak(planted)
    fail_with(planted)


if __name__ == "__main__":
    main(*sys.argv[1:])
