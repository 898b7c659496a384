"""The commands and their options. Each option is also an environment variable."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn

import typer

from sunshine_keys.models import ID_PREFIX, Scope
from sunshine_keys.store import StoreError

cli = typer.Typer(
    name="sunshine-keys",
    help="Issue, list, revoke and honour Sunshine Conversations API keys on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_SECRET_LENGTH = 1000

Data = Annotated[
    str | None,
    typer.Option(envvar="SUNSHINE_KEYS_DATA", metavar="FOLDER", help="Where the store and its sealing key are."),
]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="SUNSHINE_KEYS_DATABASE",
        metavar="URL",
        help="The database, if not the file in --data: sqlite:///path/to/file.",
    ),
]


def run() -> None:
    try:
        cli()
    except StoreError as error:
        _fail(str(error))


def _fail(line: str) -> NoReturn:
    sys.exit(f"sunshine-keys: {line}")


@cli.callback(invoke_without_command=True)
def sunshine_keys(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        from sunshine_conversations_client import __version__

        typer.echo(f"sunshine-keys {__version__}")
        raise typer.Exit


@cli.command()
def init(
    data: Data = None,
    database: Database = None,
    sample: Annotated[
        bool,
        typer.Option(envvar="SUNSHINE_KEYS_SAMPLE", help="Also make the app, integrations and keys of the samples."),
    ] = False,
    new_account_key: Annotated[
        bool,
        typer.Option(envvar="SUNSHINE_KEYS_NEW_ACCOUNT_KEY", help="Make another account key for an existing store."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print what was made as one JSON object.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_OUTPUT", help="Write that JSON to a new file that only its owner can read."),
    ] = None,
) -> None:
    """Make a store and its account key, and print the key: its secret is shown only now."""
    from sunshine_keys.app import Settings, first_run, store_path

    if sample and new_account_key:
        _fail("--new-account-key is for an existing store, and --sample for a new one: give one of them")
    settings = Settings.of(data, database)
    store = store_path(settings).absolute()
    if new_account_key and not store.exists():
        _fail(f"there is no store {store}: leave out --new-account-key to make one")
    if output is None and sys.stdout is None:
        _fail("standard output is closed, and the account key's secret could not be shown")
    file = None if output is None else _new_file(output)
    made = None
    try:
        made = first_run(settings, sample=sample, new_account_key=new_account_key)
    finally:
        if made is None and output is not None:
            output.unlink(missing_ok=True)
    if made is None:
        _fail("this store has been made before; its account key was printed then (--new-account-key makes another)")
    if file is not None:
        with file:
            file.write(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        _print(f"The keys of the store {store} are in {output}.")
    elif as_json:
        _print(json.dumps(made, indent=2, ensure_ascii=False))
    else:
        _print(f"The store is {store}.\n")
        _print_made(made)
        _print(
            f"\nKeep the secrets safe; the account key's is not shown again.\nNext: {_serve_command(data, database)}"
        )


def _print_made(made: dict[str, Any]) -> None:
    _print(_key_lines("Account key", made["account_key"]))
    if "app" in made:
        _print(f"\nApp                 {made['app']['id']}")
        _print(f"Custom integration  {made['integration']['id']}")
        _print(f"Web integration     {made['other_integration']['id']}\n")
        _print(_key_lines("App key", made["app_key"]) + "\n")
        _print(_key_lines("Integration key", made["key"]))


def _serve_command(data: str | None, database: str | None) -> str:
    options = [f"--{name} {value}" for name, value in (("data", data), ("database", database)) if value]
    return " ".join(["sunshine-keys serve", *options])


def _new_file(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        _fail(f"{path} is there already, and may hold keys: name a new file")
    except OSError as error:
        _fail(f"cannot write {path}: {error.strerror}")


@cli.command()
def serve(
    data: Data = None,
    database: Database = None,
    host: Annotated[str, typer.Option(envvar="SUNSHINE_KEYS_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_PORT", min=0, max=65535, help="The port; 0 takes any free one.")
    ] = 8080,
    workers: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_WORKERS", min=1, max=256, help="How many processes serve.")
    ] = 1,
) -> None:
    """Serve the API until SIGTERM. An empty store is made first, and its account key printed."""
    from sunshine_keys import server
    from sunshine_keys.app import Settings, first_run, store_path

    server.configure_logging()
    server.exit_0_when_told_to_stop()
    settings = Settings.of(data, database)
    try:
        listener = server.listen(host, port)
    except (OSError, UnicodeError) as error:
        _fail(f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}")
    with listener:
        made = first_run(settings)
        if made is not None:
            _print(f"Made a new store, {store_path(settings).absolute()}. If there should have been one, look again.")
            _print(_key_lines("Its account key, shown only now", made["account_key"]))
        _print(f"Sunshine Keys serves on {server.url_of(listener)}")
        server.serve(settings, listener, workers)


@cli.command()
def demo() -> None:
    """Issue, use and revoke a key through the client, against a service on a temporary store."""
    from sunshine_keys.cli.demo import run_demo

    run_demo()


@cli.command()
def token(
    key_id: Annotated[str, typer.Argument(envvar="SUNSHINE_KEYS_KEY_ID", metavar="KEY_ID")],
    secret_file: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_SECRET_FILE", help="The file that holds the key's secret."),
    ] = None,
    scope: Annotated[
        Scope | None, typer.Option(envvar="SUNSHINE_KEYS_SCOPE", help="The key's scope, if its id does not tell.")
    ] = None,
    expires_in: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_EXPIRES_IN", min=1, max=2**31, help="Seconds until the token ends.")
    ] = 300,
) -> None:
    """Print a JSON Web Token signed by a key.

    The key's secret is read from --secret-file, SUNSHINE_KEYS_SECRET, or standard input; never from an option,
    which other users of the machine could see.
    """
    from sunshine_keys import tokens

    scopes = {prefix: each for each, prefix in ID_PREFIX.items()}
    scope = scope or scopes.get(key_id[:4])
    if scope is None:
        _fail("the key id should begin with act_, app_ or int_; else name its --scope")
    if (own := scopes.get(key_id[:4], scope)) is not scope:
        _fail(f"the scope of {key_id[:4]}… is {own.value}: a token of another would be refused")
    secret = _read_secret(secret_file)
    if len(secret.split()) != 1 or len(secret) > _SECRET_LENGTH:
        _fail("that is no secret: it should be one word, as the key's `secret` shows it")
    try:
        typer.echo(tokens.mint(key_id, secret, scope, expires_in=expires_in))
    except UnicodeError:
        _fail("the key id and the secret should be UTF-8 text")


def _read_secret(file: Path | None) -> str:
    if file is not None:
        try:
            secret = file.read_text()
        except OSError as error:
            _fail(f"cannot read the secret in {file}: {error.strerror}")
        except UnicodeDecodeError:
            _fail(f"cannot read the secret in {file}: it is not UTF-8")
    elif (given := os.environ.get("SUNSHINE_KEYS_SECRET")) is not None:
        secret = given
    elif sys.stdin is None:
        secret = ""
    elif sys.stdin.isatty():
        secret = typer.prompt("Secret", hide_input=True, err=True)
    else:
        secret = sys.stdin.read()
    if not secret.strip():
        _fail("the secret is empty; give it in --secret-file, SUNSHINE_KEYS_SECRET or on standard input")
    return secret.strip()


def _key_lines(title: str, key: dict[str, str]) -> str:
    return f"{title}\n  id      {key['id']}\n  secret  {key['secret']}"


def _print(text: str) -> None:
    """Print what will not be shown again; say so where that fails."""
    try:
        print(text, flush=True)
    except OSError as error:
        sys.stdout = None  # else Python tries once more at its end
        _fail(
            f"cannot print: {error.strerror}. If the store is new, nobody has seen its account key; "
            "make another: sunshine-keys init --new-account-key"
        )
