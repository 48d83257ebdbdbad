"""A GP server in a process of its own, whose clock may be another: it says its address, and serves until its input ends.

python -m tests.domain.late_office KEYTAB
"""

from __future__ import annotations

import sys
from pathlib import Path

from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, SbaApplication
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.serving import Server
from tests.domain.accounts import REALM, SHORT


def main() -> None:
    door = Door([GPCONNECT], TicketDoor(Path(sys.argv[1]), {REALM: SHORT}))
    with Server(SbaApplication(Company.front_range(), DIALECTS["one"], door=door)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
