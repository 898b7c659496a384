"""`dev`: run a service for the development of a bot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote.options import Browser


@cli.command()
def dev(
    forward_to: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_FORWARD_TO", metavar="URL", help="The webhook of your bot, which hears every event."
        ),
    ] = "http://localhost:5000/webhook",
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_DATA",
            metavar="FOLDER",
            help="Keep everything in this folder. Default: a temporary folder.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_PORT", min=0, max=65535, help="The port; 0 takes a free port.")
    ] = 8080,
    env: Annotated[
        Path | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_ENV",
            metavar="FILE",
            help="Also write the variables to this file, which only its owner can read.",
        ),
    ] = None,
    browser: Browser = True,
) -> None:
    """Serve an app with a webhook that calls your bot, and print a line for each event and each call of the bot, until Ctrl-C.

    It prints the variables that a bot needs, and opens a page on which you are the bot's customer, if standard output is a
    terminal. `sunshine-keys chat`, in another terminal, is the same conversation as text.
    """
    from sunshine_keys.cli.development.service import run_dev

    run_dev(forward_to, data, port, env, browser=browser)
