"""One run against both sandboxes, logging to a file as `serve` does; prints what it counted."""

from __future__ import annotations

import sys
from pathlib import Path

from prometheus_client import generate_latest

from ml_connector.cli.demo import prepare
from ml_connector.runtime import logs, metrics
from ml_connector.runtime.run import run
from ml_connector.runtime.trial import trial


def main(folder: str, file: str) -> None:
    logs.begin("json", file=Path(file))
    with trial(invoices=20) as served:
        wired = prepare(served, Path(folder))
        run(wired, lambda step, done, of: None)
        wired.close()
    print(generate_latest(metrics.EVENTS).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
