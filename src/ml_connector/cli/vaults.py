"""ml-connector vault: credentials encrypted at rest."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json
from ml_connector.cli.output import Exit, out, print_json, table, tell_checks
from ml_connector.docket.people import Permission
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime import keys

app = typer.Typer(help="Credentials, encrypted at rest; settings name them as vault:NAME.", no_args_is_help=True)
SecretName = Annotated[str, typer.Argument(help="What settings call it: vault:NAME.")]


@app.command("new-key", epilog="Example: ml-connector vault new-key")
def new_key(
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep it in the system's keyring; the key file only says so.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the first master key, in the key file. Keep a copy of it apart from the backups of the ledger."""
    context.opened(Permission.ADMINISTER)
    data = context.data_folder()
    if keys.master_keys(data):
        says, remedy = "there is a master key already", "Run 'ml-connector vault rotate' to replace it."
        raise Interrupted(Finding("vault.key_exists", str(keys.key_file(data)), says, remedy))
    made = keys.new_key()
    place = keys.begin(data, made, in_keyring=keyring)
    if json:
        print_json({"key": made.id, "place": place.name})
    else:
        out.print(f"Master key {made.id} is in {place.name}.", markup=False)
        out.print("Copy it to a safe place; without it no credential opens.")


@app.command("keys", epilog="Example: ml-connector vault keys")
def list_keys(json: Json = False) -> None:
    """Where the master keys come from, newest first, and how many credentials each seals. Shows none."""
    vault, place = context.opened(Permission.ADMINISTER).vault, keys.place(context.data_folder())
    sealed = Counter(it.key_id for it in vault.records())
    known = [(key.id, sealed.pop(key.id, 0)) for key in (place.read() if place else ())]
    if json:
        rows = [{"key": key, "sealed": count, "at_hand": True} for key, count in known]
        rows += [{"key": key, "sealed": count, "at_hand": False} for key, count in sealed.items()]
        print_json({"place": place.name if place else None, "keys": rows})
        return
    _tell_place()
    rows_ = [(key, count, "newest" if n == 0 else "") for n, (key, count) in enumerate(known)]
    table("Master keys", ("key", "seals:", ""), [*rows_, *((it, count, "not at hand") for it, count in sealed.items())])


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
        _tell_place()
        rows = [(it.name, it.key_id, f"{it.updated:%Y-%m-%d %H:%M}", it.by) for it in records]
        table("Vault", ("name", "key", "sealed (UTC)", "by"), rows)


@app.command("check", epilog="Example: ml-connector vault check")
def check(json: Json = False) -> None:
    """Open every credential and say whether it opens. Shows none, changes nothing."""
    vault, place = context.opened(Permission.ADMINISTER).vault, keys.place(context.data_folder())
    at_hand: list[tuple[str, Finding | None]] = []
    if place:
        at_hand = [(f"master key {key.id}, from {place.name}", None) for key in place.read()]
    lines = [*at_hand, *vault.check()]
    if json:
        print_json([{"what": name, "finding": finding} for name, finding in lines])
    else:
        tell_checks(lines)
    raise typer.Exit(Exit.FAILED if any(finding for _, finding in lines) else Exit.DONE)


@app.command("rotate", epilog="Example: ml-connector vault rotate")
def rotate(json: Json = False) -> None:
    """Seal everything with a new master key. Both are kept until all is sealed, so that runs go on."""
    vault, place = context.opened(Permission.ADMINISTER).vault, keys.place(context.data_folder())
    if place is None:
        says, remedy = "there is no master key to replace", "Run 'ml-connector vault new-key' to make the first one."
        raise Interrupted(Finding("vault.key_missing", "vault", says, remedy))
    made = keys.new_key()
    count = vault.rotate(made, place.write)
    if json:
        print_json({"key": made.id, "sealed": count, "place": place.name})
    else:
        out.print(f"{count} credentials are sealed with master key {made.id}, in {place.name}.", markup=False)
        out.print("Copy it to its safe place again.")


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


def _tell_place() -> None:
    place = keys.place(context.data_folder())
    out.print(f"Master keys come from {place.name}." if place else "There is no master key yet.", markup=False)
