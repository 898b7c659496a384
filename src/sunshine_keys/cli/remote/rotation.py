"""`keys rotate`: a successor for a key, and who still uses the key until it ends.

The vendor's service has no such operation.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

import sunshine_conversations_client as sunshine
from sunshine_keys.cli.durations import duration, words
from sunshine_keys.cli.exits import Exit, complain, printable, stop
from sunshine_keys.cli.remote import output
from sunshine_keys.cli.remote.options import App, AsJson, Integration, OutputFormat, ProfileName, Quiet
from sunshine_keys.cli.remote.session import session
from sunshine_keys.cli.remote.verbs import GROUPS
from sunshine_keys.cli.terminal import emit, emit_json

program = GROUPS["keys"]


@program.command()
def rotate(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key to replace.")],
    app: App = None,
    integration: Integration = None,
    grace: Annotated[
        str | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_GRACE",
            metavar="DURATION",
            help="How long the key goes on, from the beginning of the rotation: 24h, 7d. Default: 7d.",
        ),
    ] = None,
    when_quiet: Annotated[
        str | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_WHEN_QUIET",
            metavar="DURATION",
            help="End the key early once nobody has used it for so long: 24h.",
        ),
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Show who still uses the key, and change nothing.")] = False,
    profile: ProfileName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Create the successor of a key, and let the key end after a grace period, in which both work.

    Run the same command again after an interruption: it shows the same successor. --grace and --when-quiet then change when the
    key ends; what you do not name stays as it is. To give the rotation up, delete the successor.
    """
    output_format = OutputFormat(as_json, quiet)
    grace_seconds, quiet_seconds = duration(grace), duration(when_quiet)
    if status and (grace or when_quiet):
        raise typer.BadParameter("--status changes nothing: leave out --grace and --when-quiet, or --status")
    if sys.stdout is None:
        stop(Exit.USAGE, "nothing was rotated: standard output is closed, so the successor could not be shown")
    body = {"graceSeconds": grace_seconds} if grace_seconds is not None else {}
    with session(context, profile) as opened:
        ids, path = {"appId": opened.app_id(app), "keyId": id}, "/apps/{appId}/keys/{keyId}/rotation"
        if integration:
            ids["integrationId"] = integration
            path = "/apps/{appId}/integrations/{integrationId}/keys/{keyId}/rotation"
        try:
            answer = (
                opened.own("GET", path, ids)
                if status
                else opened.own(
                    "PUT", path, ids, body | ({"whenQuietSeconds": quiet_seconds} if quiet_seconds is not None else {})
                )
            )
        except sunshine.NotFoundException:
            if not status:
                raise
            stop(Exit.NOT_FOUND, f"key {printable(id)} is not being rotated", "Leave out --status to rotate it.")
    _print(answer, output_format)


def _print(answer: dict[str, Any], output_format: OutputFormat) -> None:
    rotation, successor = answer["rotation"], answer.get("key")
    if output_format.as_json:
        emit_json(answer)
    elif output_format.quiet:
        output.emit_id(successor["secret"] if successor else rotation["successorId"])
        if successor:
            complain(f"created {successor['id']}; standard output contains only its secret")
    else:
        if successor:
            for name in ("id", "displayName", "secret", "expiresAt"):
                if name in successor:
                    emit(f"{name:11}  {printable(successor[name])}")
            emit("")
        _print_status(rotation)


def _print_status(rotation: dict[str, Any]) -> None:
    ended = "ended" if rotation["hasEnded"] else "ends"
    emit(f"Key {rotation['keyId']} {ended} {rotation['endsAt']}; its successor is {rotation['successorId']}.")
    if not rotation["hasEnded"] and "whenQuietSeconds" in rotation:
        emit(f"It ends early once nobody has used it for {words(rotation['whenQuietSeconds'])}.")
    emit(
        f"Last use: {rotation.get('lastUsedAt', 'never')}; of the successor: {rotation.get('successorLastUsedAt', 'never')}."
    )
    if not rotation["sources"]:
        emit("Nobody has used it within a day since its end was set.")
        return
    rows = [
        [source["address"], source["userAgent"], source["lastUsedAt"], f"{source['requestsPerHour']:g}"]
        for source in rotation["sources"]
    ]
    output.print_table(["address", "user agent", "last use", "requests an hour"], rows)
