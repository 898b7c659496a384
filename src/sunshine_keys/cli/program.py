"""The program `sunshine-keys`: what all its commands share."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO, Annotated, NoReturn

import typer

from sunshine_keys.cli.listing import Group

cli = typer.Typer(
    name="sunshine-keys",
    cls=Group,
    help="Issue, list, revoke and honour Sunshine Conversations API keys: a service of your own, or any by the network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables cut the names of options and variables at 80 columns
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _database(given: str | None) -> str | None:
    """It may also be in a file, since it may hold a password."""
    from sunshine_keys.compose import given_database

    return given or given_database()


Data = Annotated[
    str | None,
    typer.Option(envvar="SUNSHINE_KEYS_DATA", metavar="FOLDER", help="Where the store and its sealing key are."),
]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="SUNSHINE_KEYS_DATABASE",
        metavar="URL",
        help="The database, if not the file in --data: postgresql://user@host/database, or sqlite:///path/to/file.",
        callback=_database,
    ),
]


def fail(line: str) -> NoReturn:
    sys.exit(f"sunshine-keys: {line}")


@cli.callback(invoke_without_command=True)
def sunshine_keys(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        from sunshine_conversations_client import __version__

        typer.echo(f"sunshine-keys {__version__}")
        raise typer.Exit


def new_file(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        fail(f"{path} is there already, and may hold keys: name a new file")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")


def read_text(file: Path, what: str) -> str:
    """`what` it holds, in UTF-8; ends the program where it cannot be read."""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        fail(f"cannot read the {what} in {file}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"cannot read the {what} in {file}: it is not UTF-8")


def key_lines(title: str, key: dict[str, str]) -> str:
    return f"{title}\n  id      {key['id']}\n  secret  {key['secret']}"


def print_flushed(text: str) -> None:
    """Print what will not be shown again; say so where that fails."""
    try:
        print(text, flush=True)
    except OSError as error:
        sys.stdout = None  # else Python tries once more at its end
        fail(
            f"cannot print: {error.strerror}. If the store is new, nobody has seen its account key; "
            "make another: sunshine-keys init --new-account-key"
        )


@contextlib.contextmanager
def naming_new_file(path: Path) -> Generator[None]:
    """Say what went wrong with a file that is being made."""
    try:
        yield
    except FileExistsError:
        fail(f"{path} is there already: name a new file, or replace it by --force")
    except BlockingIOError:
        fail(f"another process is writing {path}")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror or error}")
