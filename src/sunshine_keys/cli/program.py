"""The program `sunshine-keys`, and what several of its commands need: options, output, errors."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO, Annotated, NoReturn

import typer

from sunshine_keys.cli.examples import ROOT
from sunshine_keys.cli.exits import Exit, complain, stop
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.terminal import emit, wrapped

cli = typer.Typer(
    name="sunshine-keys",
    cls=Group,
    help="Issue, list, revoke and honour Sunshine Conversations API keys, in a service of your own or over the network.",
    epilog=ROOT,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Its tables cut off the names of options and variables at 80 columns.
    context_settings={"help_option_names": ["-h", "--help"]},
)

_LINK = re.compile(r"(?:tcp|udp|sctp)://")


def ignore_service_links() -> None:
    """Remove variables that Kubernetes sets for a service named `sunshine-keys`, such as SUNSHINE_KEYS_PORT=tcp://10.0.0.1:80."""
    links = [name for name, value in os.environ.items() if name.startswith("SUNSHINE_KEYS_") and _LINK.match(value)]
    for name in links:
        del os.environ[name]
    if "SUNSHINE_KEYS_PORT" in links:
        complain("SUNSHINE_KEYS_PORT is ignored: it is a link of Kubernetes to a service, not a port")


def _database_url(context: typer.Context, url: str | None) -> str | None:
    """Return the option's URL, else that in SUNSHINE_KEYS_DATABASE_FILE, which keeps a password out of the options.

    A typed --data takes precedence over the two variables. They are removed, so that workers do not read them either.
    """
    from sunshine_keys.settings import database_from_environment

    url = url or database_from_environment()
    if url is not None and _is_typed(context, "data") and not _is_typed(context, "database"):
        complain("SUNSHINE_KEYS_DATABASE is ignored, because --data is typed. To use both, type --database, too")
        for name in ("SUNSHINE_KEYS_DATABASE", "SUNSHINE_KEYS_DATABASE_FILE"):
            os.environ.pop(name, None)
        return None
    return url


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


Data = Annotated[
    str | None,
    typer.Option(
        envvar="SUNSHINE_KEYS_DATA",
        metavar="FOLDER",
        help="The folder of the store and its sealing key. Default: data.",
    ),
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
    sys.exit(wrapped(f"sunshine-keys: {line}"))


@cli.callback(invoke_without_command=True)
def sunshine_keys(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        print_version()
        raise typer.Exit


@cli.command("version")
def print_version() -> None:
    """Print the version."""
    from sunshine_conversations_client import __version__

    emit(f"sunshine-keys {__version__}")


@cli.command("help")
def print_help(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", help="The words of a command.", show_default=False)
    ] = None,
) -> None:
    """Show the help of a command, or of all commands."""
    shown = context.find_root()
    for word in words or []:
        command = getattr(shown.command, "commands", {}).get(word)
        if command is None:
            raise typer.BadParameter(f"there is no command {' '.join(words or [])!r}. `sunshine-keys help` lists all")
        shown = type(shown)(command, parent=shown, info_name=word)
    emit(shown.get_help())


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
        return file.read_text("utf-8-sig")
    except OSError as error:
        stop(Exit.USAGE, f"cannot read the {content} in {file}: {error.strerror}")
    except UnicodeDecodeError:
        stop(Exit.USAGE, f"cannot read the {content} in {file}: it is not UTF-8")


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
