"""ml-connector vault: credentials encrypted at rest."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json
from ml_connector.cli.output import Exit, out, print_json, table, tell_checks
from ml_connector.docket.people import Permission
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime import keys
from ml_connector.store.vault import Vault

app = typer.Typer(help="Credentials, encrypted at rest; settings name them as vault:NAME.", no_args_is_help=True)
SecretName = Annotated[str, typer.Argument(help="What settings call it: vault:NAME.")]


@app.command("new-key", epilog="Example: ml-connector vault new-key")
def new_key(json: Json = False) -> None:
    """Make the first master key, in the key file. Keep a copy of it apart from the backups of the ledger."""
    context.opened(Permission.ADMINISTER)
    path = keys.key_file(context.data_folder())
    if keys.master_keys(context.data_folder()):
        says, remedy = "there is a master key already", "Run 'ml-connector vault rotate' to replace it."
        raise Interrupted(Finding("vault.key_exists", str(path), says, remedy))
    made = keys.new_key()
    keys.write_keys(path, [made])
    if json:
        print_json({"key": made.id, "file": str(path)})
    else:
        out.print(f"Master key {made.id} is in {path}. Copy it to a safe place; without it no credential opens.")


@app.command("put", epilog="Example: ml-connector vault put gp-password")
def put(name: SecretName, json: Json = False) -> None:
    """Seal a credential; it is asked for, or read from standard input, and never given on the command line."""
    vault = context.opened(Permission.ADMINISTER).vault
    secret = context.typed_secret(name)
    if not secret:
        says, remedy = "nothing was typed", f"Run 'ml-connector vault put {name}' again, and type the credential."
        raise Interrupted(Finding("vault.empty", f"vault:{name}", says, remedy))
    vault.put(name, secret)
    if json:
        print_json({"name": name})
    else:
        out.print(f"Sealed. Settings name it [bold]vault:{name}[/].")


@app.command("list", epilog="Example: ml-connector vault list")
def list_all(json: Json = False) -> None:
    """The names of what is sealed, with which key, when and by whom."""
    records = context.opened(Permission.ADMINISTER).vault.records()
    if json:
        print_json(records)
    else:
        rows = [(it.name, it.key_id, f"{it.updated:%Y-%m-%d %H:%M}", it.by) for it in records]
        table("Vault", ("name", "key", "sealed (UTC)", "by"), rows)


@app.command("check", epilog="Example: ml-connector vault check")
def check(json: Json = False) -> None:
    """Open every credential and say whether it opens. Shows none, changes nothing."""
    lines = context.opened(Permission.ADMINISTER).vault.check()
    if json:
        print_json([{"what": name, "finding": finding} for name, finding in lines])
    else:
        tell_checks(lines)
    raise typer.Exit(Exit.FAILED if any(finding for _, finding in lines) else Exit.DONE)


@app.command("rotate", epilog="Example: ml-connector vault rotate")
def rotate(json: Json = False) -> None:
    """Seal everything with a new master key. The key file holds both until all is sealed, so that runs go on."""
    opened = context.opened(Permission.ADMINISTER)
    data = context.data_folder()
    old = keys.master_keys(data)
    if keys.VARIABLE in os.environ:
        says = f"the keys come from the environment ({keys.VARIABLE}), which this program cannot change"
        remedy = "Put a new key before the old one there, run 'ml-connector vault reseal', then take the old one out."
        raise Interrupted(Finding("vault.key_in_environment", "vault", says, remedy))
    made = keys.new_key()
    path = keys.key_file(data)
    keys.write_keys(path, [made, *old])
    count = Vault(opened.database, [made, *old], opened.person.name).reseal()
    keys.write_keys(path, [made])
    if json:
        print_json({"key": made.id, "sealed": count})
    else:
        out.print(f"{count} credentials are sealed with master key {made.id}; copy {path} to its safe place again.")


@app.command("reseal", epilog="Example: ml-connector vault reseal")
def reseal(json: Json = False) -> None:
    """Seal everything with the newest of the keys at hand."""
    count = context.opened(Permission.ADMINISTER).vault.reseal()
    if json:
        print_json({"sealed": count})
    else:
        out.print(f"{count} credentials are sealed with the newest key.")


@app.command("forget", epilog="Example: ml-connector vault forget gp-password")
def forget(name: SecretName, json: Json = False) -> None:
    """Take a credential out of the vault."""
    gone = context.opened(Permission.ADMINISTER).vault.forget(name)
    if json:
        print_json({"name": name, "forgotten": gone})
    else:
        out.print(f"vault:{name} is forgotten." if gone else f"There was no vault:{name}.")
