"""Who is in the domain FRONTRANGE.TEST, as LDIF. The passwords are the sandbox's own, and no secret."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

REALM, SHORT = "FRONTRANGE.TEST", "FRONTRANGE"
ROOT = "DC=frontrange,DC=test"
NORMAL, DISABLED, KEEPS_PASSWORD = 0x200, 0x2, 0x10000  # userAccountControl ([MS-ADTS] 2.2.16)
LONG_AGO = 132223104000000000  # 2020-01-01, in the directory's 100 ns since 1601
LOCKED_AFTER = 3  # wrong passwords


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    password: str
    control: int = NORMAL | KEEPS_PASSWORD
    more: Mapping[str, str | int | Sequence[str]] = field(default_factory=dict)

    @property
    def dn(self) -> str:
        return f"CN={self.name},CN=Users,{ROOT}"

    @property
    def login(self) -> str:
        return f"{SHORT}\\{self.name}"

    def ldif(self) -> str:
        quoted = base64.b64encode(f'"{self.password}"'.encode("utf-16-le")).decode()
        lines = [f"dn: {self.dn}", "objectClass: user", f"sAMAccountName: {self.name}"]
        lines += [f"userAccountControl: {self.control}", f"unicodePwd:: {quoted}"]
        for name, value in self.more.items():
            values = [value] if isinstance(value, str | int) else value
            lines += [f"{name}: {one}" for one in values]
        return "\n".join(lines) + "\n\n"


AES = {"msDS-SupportedEncryptionTypes": 24}  # AES-128 and AES-256; without it a keytab holds RC4 only
GOOD = Account("gpconnect", "Sandbox-Pass-1", more={"userPrincipalName": "office@books.example"})
NO_ROLE = Account("norole", "No-Role-Pass-1")
MISTYPED = Account("mistyped", "Mistyped-Pass-1")
CLERKS = {it: Account(f"clerk-{it}", "Clerk-Pass-1") for it in ("sqlite", "postgresql")}  # mistyped in many processes
PLANTED = Account("planted", "Pl4nted/Gp+Pass word=7f31")  # searched for in everything that is written
LOCKED = Account("locked", "Locked-Pass-1")
DISABLED_ONE = Account("disabled", "Disabled-Pass-1", NORMAL | KEEPS_PASSWORD | DISABLED)
ENDED = Account("ended", "Ended-Pass-1", more={"accountExpires": LONG_AGO})
MUST_CHANGE = Account("mustchange", "Must-Change-Pass-1", NORMAL, {"pwdLastSet": 0})
EXPIRED = Account("expired", "Expired-Pass-1", NORMAL)  # its age is set beneath the directory: see AGED
SERVICE = Account(
    "gp_http", "Http-Pass-1", more={"servicePrincipalName": ["HTTP/gp.frontrange.test", "HTTP/127.0.0.1"], **AES}
)
STALE = Account("gp_stale", "Stale-Pass-1", more={"servicePrincipalName": "HTTP/stale.frontrange.test", **AES})

ACCOUNTS = (
    GOOD,
    NO_ROLE,
    MISTYPED,
    *CLERKS.values(),
    PLANTED,
    LOCKED,
    DISABLED_ONE,
    ENDED,
    MUST_CHANGE,
    EXPIRED,
    SERVICE,
    STALE,
)

KEYTABS = {  # file: the principals whose keys are in it
    "service.keytab": ("HTTP/gp.frontrange.test", "HTTP/127.0.0.1"),
    "stale.keytab": ("HTTP/stale.frontrange.test",),
    "gpconnect.keytab": ("gpconnect",),
    "mistyped.keytab": ("mistyped",),
    "planted.keytab": ("planted",),
    "before-the-reset.keytab": ("gp_stale",),
}

RULES = f"""dn: {ROOT}
changetype: modify
replace: lockoutThreshold
lockoutThreshold: {LOCKED_AFTER}
-
replace: lockoutDuration
lockoutDuration: -18000000000
-
replace: lockOutObservationWindow
lockOutObservationWindow: -18000000000
"""

AGED = f"""dn: {EXPIRED.dn}
changetype: modify
replace: pwdLastSet
pwdLastSet: {LONG_AGO}
"""


def new_password(account: Account, password: str) -> str:
    """LDIF that resets a password, by which keytabs that were made before are void."""
    quoted = base64.b64encode(f'"{password}"'.encode("utf-16-le")).decode()
    return f"dn: {account.dn}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {quoted}\n"
