"""The program `sunshine-keys`, and what several of its commands need: options, output, errors."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO, Annotated, NoReturn

import typer

from sunshine_keys.cli.help import Group

cli = typer.Typer(
    name="sunshine-keys",
    cls=Group,
    help="Issue, list, revoke and honour Sunshine Conversations API keys, in a service of your own or over the network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Its tables cut off the names of options and variables at 80 columns.
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _database_url(url: str | None) -> str | None:
    """Return the option's URL, else that in SUNSHINE_KEYS_DATABASE_FILE, which keeps a password out of the options."""
    from sunshine_keys.settings import database_from_environment

    return url or database_from_environment()


Data = Annotated[
    str | None,
    typer.Option(envvar="SUNSHINE_KEYS_DATA", metavar="FOLDER", help="The folder of the store and its sealing key."),
]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="SUNSHINE_KEYS_DATABASE",
        metavar="URL",
        help="The database, if it is not the file in --data: postgresql://user@host/database, or sqlite:///path/to/file.",
        callback=_database_url,
    ),
]


def fail(line: str) -> NoReturn:
    """End the program with exit code 1 and this line on standard error."""
    sys.exit(f"sunshine-keys: {line}")


@cli.callback(invoke_without_command=True)
def sunshine_keys(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        from sunshine_conversations_client import __version__

        typer.echo(f"sunshine-keys {__version__}")
        raise typer.Exit


def create_file(path: Path) -> IO[str]:
    """Create a text file with mode 0600. End the program if it exists or cannot be created."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        fail(f"{path} exists, and may contain keys. Name a new file")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")


def read_text(file: Path, content: str) -> str:
    """Return the text of a UTF-8 file. End the program if it cannot be read; `content` names in the message what it holds."""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        fail(f"cannot read the {content} in {file}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"cannot read the {content} in {file}: it is not UTF-8")


def key_lines(title: str, key: dict[str, str]) -> str:
    """Format a key's id and secret as three lines."""
    return f"{title}\n  id      {key['id']}\n  secret  {key['secret']}"


def require_output() -> None:
    """End the program if standard output is closed, before a command creates a secret that it could not show."""
    if sys.stdout is None:
        fail("standard output is closed, so the account key's secret could not be shown")


def print_flushed(text: str) -> None:
    """Print text that is shown only once. End the program if that fails, and say how to get another account key."""
    try:
        print(text, flush=True)
    except OSError as error:
        sys.stdout = None  # Otherwise Python flushes it once more when it exits, and fails again.
        fail(
            f"cannot print: {error.strerror}. If the store is new, its account key was not shown; "
            "create another: sunshine-keys account-keys create"
        )


@contextlib.contextmanager
def reporting_file_errors(path: Path) -> Generator[None]:
    """End the program with one line if the block cannot write `path`."""
    try:
        yield
    except FileExistsError:
        fail(f"{path} exists. Name a new file, or add --force to replace it")
    except BlockingIOError:
        fail(f"another process is writing {path}")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror or error}")
