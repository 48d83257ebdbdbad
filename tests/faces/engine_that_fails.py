"""The engine's library with a step that fails twice over a credential, logging as the product does."""

from __future__ import annotations

import os
import sys

from dbos import DBOS, DBOSConfig

from ml_connector.runtime import logs
from ml_connector.runtime.redaction import keep_out


@DBOS.step(retries_allowed=True, max_attempts=2, interval_seconds=0.01)
def sign_in(password: str) -> None:
    raise ValueError(f"login with {password} was refused")


@DBOS.workflow()
def walk() -> None:
    sign_in(os.environ["PLANTED"])


def main(folder: str) -> None:
    logs.begin("json")
    keep_out(os.environ["PLANTED"])
    config = DBOSConfig(name="engine", system_database_url=f"sqlite:///{folder}/engine.sqlite", log_level="INFO")
    DBOS(config=config)
    DBOS.launch()
    walk()


if __name__ == "__main__":
    main(*sys.argv[1:])
