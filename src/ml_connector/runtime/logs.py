"""The log, for engineers: JSON lines for a program, short lines for a person; the same for our own words, the web
server's and the engine's.

Every room writes with the standard library and gives names to what it says (`extra={"docket": 12}`); what all lines of
a stretch of work share is bound around it (`bound`). What happened to the books stands in the trail; each of its
entries is a line here too, without its detail.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import cached_property
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.redaction import clean

FILE_BYTES = 10_000_000
FILES = 10  # the newest and nine before it

_FIRST = ("time", "level", "event", "connection", "run", "docket", "number")
_NOBODY_READS = ("color_message", "applicationID", "applicationVersion", "executorID", "taskName")
_LOUD = {"uvicorn": logging.INFO, "dbos": logging.WARNING, "alembic": logging.WARNING, "httpx2": logging.WARNING}

Line = MutableMapping[str, Any]


def begin(form: Literal["json", "plain"] = "json", level: int | str = logging.INFO, file: Path | None = None) -> None:
    """Send every log line of this process to standard error, or to a file that is replaced when it is full.

    Also warnings of Python, and what ends a thread or the program. Raises Interrupted `log.unwritable`.
    """
    handler = _to_file(file) if file else logging.StreamHandler()
    handler.setFormatter(_Formatter(form, colours=not file and sys.stderr.isatty()))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in _LOUD.items():
        # Given the handler itself: a library that finds none adds its own, which knows nothing of secrets.
        library = logging.getLogger(name)
        library.handlers, library.propagate = [handler], False
        library.setLevel(max(least, root.level))
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a line that cannot be written would be shown as it was given
    sys.excepthook = _end_of_program
    threading.excepthook = _end_of_thread


@contextmanager
def bound(**names: object) -> Iterator[None]:
    """Every line that is written in this block, in this thread, carries these names: connection, run, docket."""
    from structlog.contextvars import bound_contextvars

    with bound_contextvars(**names):
        yield


def _to_file(path: Path) -> RotatingFileHandler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        return RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8")
    except OSError as error:
        remedy = "Name a file in a folder that the account which runs ml-connector may write to."
        raise Interrupted(Finding("log.unwritable", str(path), f"the log cannot be written: {error}", remedy)) from None


class _Formatter(logging.Formatter):
    """What makes lines of records, imported with the first line: most commands write none."""

    def __init__(self, form: str, colours: bool) -> None:
        super().__init__()
        self._form, self._colours = form, colours

    @cached_property
    def _lines(self) -> logging.Formatter:
        return _formatter(self._form, self._colours)

    def format(self, record: logging.LogRecord) -> str:
        return self._lines.format(record)


def _formatter(form: str, colours: bool) -> logging.Formatter:
    import structlog

    last: tuple[Any, ...] = (_ordered, structlog.processors.JSONRenderer(ensure_ascii=False))
    if form == "plain":
        last = (structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="time", pad_event_to=0),)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # source lines only; a traceback with variables would show them
            _without_secrets,
            *last,
        ],
    )


def _without_secrets(_logger: object, _method: str, line: Line) -> Line:
    if "operationUUID" in line:
        line["workflow"] = line.pop("operationUUID")
    return {name: clean(value, name) for name, value in line.items() if name not in _NOBODY_READS}


def _ordered(_logger: object, _method: str, line: Line) -> Line:
    """What one looks for first stands first."""
    return {name: line[name] for name in (*(it for it in _FIRST if it in line), *line) if name in line}


def _end_of_program(kind: type[BaseException], it: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical("the program ends", exc_info=(kind, it, trace))


def _end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit:
        return
    thread = ended.thread.name if ended.thread else ""
    exception = ended.exc_value or ended.exc_type()
    logging.getLogger(__name__).critical(
        "a thread ends", exc_info=(ended.exc_type, exception, ended.exc_traceback), extra={"of": thread}
    )
