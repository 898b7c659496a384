"""Options that several commands have."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import msgspec
import typer

from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.session import PROFILE_VARIABLE


class Common(msgspec.Struct, frozen=True):
    """How a command prints what it has to tell."""

    as_json: bool
    quiet: bool

    def __post_init__(self) -> None:
        if self.as_json and self.quiet:
            raise typer.BadParameter("give --json or --quiet, not both")


def _names(incomplete: str) -> list[str]:
    return [each for each in sorted(profiles.load().profiles) if each.startswith(incomplete)]


ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        envvar=PROFILE_VARIABLE,
        metavar="NAME",
        help="The profile to use, as `login` kept it; the current one if not given.",
        autocompletion=_names,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print JSON.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", envvar="SUNSHINE_KEYS_QUIET", help="Print ids alone; of a new key its secret alone."),
]
App = Annotated[
    str | None,
    typer.Option(
        "--app",
        envvar="SUNSHINE_KEYS_APP",
        metavar="APP_ID",
        help="The app; the key's own if not given and it has one.",
    ),
]
Integration = Annotated[
    str | None,
    typer.Option(
        "--integration", envvar="SUNSHINE_KEYS_INTEGRATION", metavar="INTEGRATION_ID", help="The custom integration."
    ),
]


def parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    """One that a command has without being written in its function; without a default it is required."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


OPTIONS = (
    parameter("profile", ProfileName, None),
    parameter("as_json", AsJson, False),
    parameter("quiet", Quiet, False),
)
