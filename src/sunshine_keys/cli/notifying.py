"""`notify`, and the options of `serve` that name the target of notifications."""

from __future__ import annotations

from typing import Annotated

import typer

from sunshine_keys.notifying.options import Body

NotifyUrl = Annotated[
    str | None,
    typer.Option(
        "--notify",
        envvar="SUNSHINE_KEYS_NOTIFY",
        metavar="URL",
        help="Send lifecycle events of keys (created, expiring, deleted, refused after that, …) to this URL, at least once.",
    ),
]
NotifyCommand = Annotated[
    str | None,
    typer.Option(
        envvar="SUNSHINE_KEYS_NOTIFY_COMMAND",
        metavar="COMMAND",
        help="Run this command for each event instead, with the event on standard input. No shell is involved.",
    ),
]
NotifyBody = Annotated[
    Body,
    typer.Option(
        envvar="SUNSHINE_KEYS_NOTIFY_BODY",
        help="What the target receives: the event as JSON, or only its text, as chats accept it.",
    ),
]
