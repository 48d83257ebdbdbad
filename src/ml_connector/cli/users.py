"""ml-connector user: who works with this installation, and as what."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json
from ml_connector.cli.output import out, print_json, table
from ml_connector.docket.people import Permission, Role, User, roles_of
from ml_connector.runtime.people import allow_roles, os_account
from ml_connector.store.passwords import Passwords

app = typer.Typer(help="Who works with this installation, and in which roles.", no_args_is_help=True)
UserName = Annotated[str, typer.Argument(help="As one signs in: small letters, digits, dots, hyphens.")]
FullName = Annotated[str | None, typer.Option("--full-name", help="As people call them.")]
Account = Annotated[
    str | None, typer.Option("--os-account", help="Who that is at the command line, as `whoami` shows.")
]
Roles = Annotated[list[Role] | None, typer.Option("--role", help="Once for each role.")]


@app.command(
    "add", epilog="Example: ml-connector user add maria --full-name 'Maria Ortiz' --os-account maria --role approver"
)
def add(
    name: UserName, full_name: FullName = None, account: Account = None, role: Roles = None, json: Json = False
) -> None:
    """Add a user. The first one is you, as administrator; from then on everybody needs a role."""
    opened = context.opened(Permission.ADMINISTER)
    first = opened.person.user is None
    allow_roles(opened.database, opened.person.name, name, role or ())
    added = opened.users.add(
        name, full_name or name, os_account() if first and account is None else account, role or ()
    )
    if json:
        print_json(_told(added))
    else:
        out.print(f"User [bold]{added.name}[/] is {roles_of(added.roles)}.")
        if first:
            out.print(
                "From now on every command needs a role; add the others who work here with 'ml-connector user add'."
            )


@app.command("list", epilog="Example: ml-connector user list")
def list_all(json: Json = False) -> None:
    """Every user, also those who no longer work here."""
    every = context.opened(Permission.READ).users.all()
    if json:
        print_json([_told(it) for it in every])
        return
    if not every:
        out.print(
            "No user yet: whoever can open the ledger may do everything. The first is you: 'ml-connector user add'."
        )
        return
    rows = [
        (
            it.name,
            it.full_name,
            it.os_account or "",
            roles_of(it.roles),
            ("active" if it.active else "deactivated") + (", has a password" if it.signs_in else ""),
            f"{it.changed:%Y-%m-%d %H:%M} {it.changed_by}",
        )
        for it in every
    ]
    table("Users", ("name", "full name", "account", "roles", "", "last changed (UTC)"), rows)


@app.command("change", epilog="Example: ml-connector user change maria --role approver --role operator")
def change(
    name: UserName,
    full_name: FullName = None,
    account: Account = None,
    role: Roles = None,
    activate: Annotated[bool, typer.Option("--activate", help="Lets a deactivated user work again.")] = False,
    json: Json = False,
) -> None:
    """Change what is given. Roles are replaced as a whole; an empty --os-account takes the account away."""
    if full_name is None and account is None and not role and not activate:
        raise typer.BadParameter("say what to change: --full-name, --os-account, --role or --activate")
    opened = context.opened(Permission.ADMINISTER)
    allow_roles(opened.database, opened.person.name, name, role or ())
    changed = opened.users.change(
        name, full_name=full_name, os_account=account, roles=role or None, active=True if activate else None
    )
    if json:
        print_json(_told(changed))
    else:
        out.print(f"User [bold]{changed.name}[/] is {roles_of(changed.roles)}, account {changed.os_account or 'none'}.")


@app.command("deactivate", epilog="Example: ml-connector user deactivate maria")
def deactivate(name: UserName, json: Json = False) -> None:
    """Let a user do nothing more. What they did stays theirs; a user is never deleted."""
    changed = context.opened(Permission.ADMINISTER).users.change(name, active=False)
    if json:
        print_json(_told(changed))
    else:
        out.print(f"User [bold]{changed.name}[/] is deactivated.")


@app.command("password", epilog="Example: ml-connector user password maria")
def password(name: UserName, json: Json = False) -> None:
    """Set a password to sign in with; it is asked for, or read from standard input. The command line needs none."""
    users = context.opened(Permission.ADMINISTER).users
    users.set_password(name, context.typed_secret(f"New password of {name}", twice=True), Passwords())
    if json:
        print_json({"name": name})
    else:
        out.print(f"User [bold]{name}[/] has a new password.")


def _told(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "os_account": user.os_account,
        "roles": [role.value for role in Role if role in user.roles],
        "active": user.active,
        "has_password": user.signs_in,
        "changed": user.changed,
        "changed_by": user.changed_by,
    }
