"""Options of several commands."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import msgspec
import typer

from sunshine_keys.cli.remote import profiles


class OutputFormat(msgspec.Struct, frozen=True):
    """The form of a command's output."""

    as_json: bool
    quiet: bool

    def __post_init__(self) -> None:
        if self.as_json and self.quiet:
            raise typer.BadParameter("use --json or --quiet, not both")


def _profile_names(incomplete: str) -> list[str]:
    return [name for name in sorted(profiles.load().profiles) if name.startswith(incomplete)]


ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        envvar=profiles.PROFILE_VARIABLE,
        metavar="NAME",
        help="The profile that `login` saved. Default: the current profile.",
        autocompletion=_profile_names,
    ),
]
Browser = Annotated[
    bool,
    typer.Option(
        "--browser/--no-browser", envvar="SUNSHINE_KEYS_BROWSER", help="Open the link in a browser, or only print it."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print JSON.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", envvar="SUNSHINE_KEYS_QUIET", help="Print only ids; for a new key only its secret."),
]
Yes = Annotated[bool, typer.Option("--yes", envvar="SUNSHINE_KEYS_YES", help="Skip the confirmation.")]
App = Annotated[
    str | None,
    typer.Option(
        "--app",
        envvar="SUNSHINE_KEYS_APP",
        metavar="APP_ID",
        help="The app. Default: the app of the key, which an account key does not have.",
    ),
]
Integration = Annotated[
    str | None,
    typer.Option(
        "--integration", envvar="SUNSHINE_KEYS_INTEGRATION", metavar="INTEGRATION_ID", help="The custom integration."
    ),
]


def parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    """Return a keyword parameter for a command's signature. Without a default it is required."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


OPTIONS = (
    parameter("profile", ProfileName, None),
    parameter("as_json", AsJson, False),
    parameter("quiet", Quiet, False),
)
