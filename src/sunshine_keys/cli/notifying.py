"""`notify`: test the target of notifications, show how far they are, and skip what is not sent. Also their options."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Annotated, Any

import typer

from sunshine_keys.cli.confirm import require_confirmation
from sunshine_keys.cli.diagnosis.findings import utc_time
from sunshine_keys.cli.exits import Exit, printable, stop
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.cli.remote.options import AsJson, Yes
from sunshine_keys.cli.terminal import counted, emit, emit_json
from sunshine_keys.notifying.options import Body, Notifications

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

program = typer.Typer(
    cls=Group,
    help="Test the target of notifications, show how far they are, and skip events.",
    no_args_is_help=True,
)
cli.add_typer(program, name="notify")


@program.command("test")
def send_test(
    notify: NotifyUrl = None, notify_command: NotifyCommand = None, notify_body: NotifyBody = Body.EVENT
) -> None:
    """Send one event of the type `test` to the target, and say what happened. It needs no store."""
    from sunshine_keys.notifying.events import test_event
    from sunshine_keys.notifying.targets import NotSent, target_of

    try:
        settings = Notifications.from_environment(os.environ, notify, notify_command, notify_body)
    except ValueError as error:
        stop(Exit.USAGE, str(error))
    if settings is None:
        stop(Exit.USAGE, "no target of notifications is named", "Add --notify URL or --notify-command COMMAND.")
    event = test_event()

    async def send() -> str:
        target = target_of(settings)
        try:
            return await target.send(event)
        finally:
            await target.close()

    try:
        answer = asyncio.run(send())
    except NotSent as error:
        if error.is_reached:
            stop(
                Exit.FAILED,
                f"{settings.place} did not accept the event: {error}",
                "A target accepts an event with a status from 200 to 299, or exit status 0. Chats need --notify-body text.",
            )
        advice = (
            "Check the path of the program." if settings.command else "Check the URL, and that something listens there."
        )
        stop(Exit.NO_CONTACT, f"{settings.place} was not reached: {error}", advice)
    emit(f"{settings.place} accepted event {event.id}: {printable(answer)}.")
    if settings.url:
        emit(_signed(len(settings.secrets)))


def _signed(secrets: int) -> str:
    if secrets:
        return f"The request was signed with {counted(secrets, 'secret')}."
    return "The request was not signed. Set SUNSHINE_KEYS_NOTIFY_SECRET_FILE so that the target can verify it."


@program.command()
def status(data: Data = None, database: Database = None, as_json: AsJson = False) -> None:
    """Show up to which entry of the audit trail events are sent, what waits, and why."""
    from sunshine_keys.notifying import position as positions
    from sunshine_keys.notifying.notifier import MOST_COUNTED, Unsent, unsent
    from sunshine_keys.notifying.position import Position
    from sunshine_keys.opening import opened_store
    from sunshine_keys.settings import Settings
    from sunshine_keys.store import audit

    async def read() -> tuple[Position | None, Unsent | None, int]:
        async with opened_store(Settings.of(data, database), read_only=True) as store:
            head = await store.read(audit.read_head())
            return await store.read(positions.read()), await store.read(unsent(time.time())), head.sequence

    position, waiting, end = asyncio.run(read())
    state = _state(position, waiting, end)
    if as_json:
        emit_json(state)
    elif position is None or waiting is None:
        emit("Notifications have not begun: no service with --notify or --notify-command has used this store.")
    else:
        more = " or more" if end - position.sequence > MOST_COUNTED else ""
        emit(f"Events are sent up to entry {position.sequence} of {end}.")
        emit(f"Last sent:     {position.sent or 'never'}")
        emit(f"Unsent:        {counted(waiting.events, 'event')}{more}")
        if waiting.events:
            emit(f"The oldest:    {waiting.oldest_seconds:.0f} seconds old")
        if position.failures:
            emit(
                f"Failed:        {counted(position.failures, 'attempt')}; the next one is due at {utc_time(position.due)}"
            )
            emit(f"Last failure:  {printable(position.error)}")


def _state(position: Any, waiting: Any, end: int) -> dict[str, Any]:
    return {
        "position": position and position.sequence,
        "end": end,
        "lastSent": (position and position.sent) or None,
        "unsent": waiting and waiting.events,
        "oldestSeconds": round(waiting.oldest_seconds, 1) if waiting and waiting.events else None,
        "failures": position and position.failures,
        "nextAttempt": utc_time(position.due) if position and position.failures else None,
        "lastFailure": (position and position.error) or None,
    }


@program.command()
def skip(data: Data = None, database: Database = None, yes: Yes = False) -> None:
    """Skip all events that are not sent yet, after a confirmation. Notifications go on with the next one."""
    from sunshine_keys.notifying import position as positions
    from sunshine_keys.notifying.notifier import unsent
    from sunshine_keys.notifying.position import Position, Replace
    from sunshine_keys.opening import opened_store
    from sunshine_keys.settings import Settings
    from sunshine_keys.store import OPERATOR, audit

    async def run() -> int:
        async with opened_store(Settings.of(data, database)) as store:
            head = await store.read(audit.read_head())
            waiting = await store.read(unsent(time.time()))
            events = 0 if waiting is None else waiting.events
            if not yes:
                require_confirmation(
                    f"Skip {counted(events, 'event')}, up to entry {head.sequence}? They are never sent.",
                    "skip",
                    "skipped",
                )
            while True:  # a service may send meanwhile
                before = await store.read(positions.read())
                if before is not None and before.sequence >= head.sequence:
                    return events
                after = (before or Position(0, "")).at(head)
                if await store.transact(OPERATOR, Replace(before, after)):
                    return events

    emit(f"Skipped {counted(asyncio.run(run()), 'event')}. The audit trail still has them.")
