"""`webhooks deliveries`, `show-delivery`, `redeliver`, `test` and `tail`: what this service has sent to webhooks.

The vendor's service has no such operations.
"""

from __future__ import annotations

import contextlib
import time
from typing import Annotated, Any

import typer

from sunshine_keys.cli.exits import Exit, stop
from sunshine_keys.cli.remote import output
from sunshine_keys.cli.remote.options import App, AsJson, Integration, ProfileName
from sunshine_keys.cli.remote.session import Session, session
from sunshine_keys.cli.remote.verbs import GROUPS
from sunshine_keys.cli.terminal import emit, emit_json

_DELIVERIES = "/apps/{appId}/deliveries"
_COLUMNS = ("number", "time", "event", "webhook", "state", "attempts", "answer")
_POLL_SECONDS = 0.5
_TEST_SECONDS = 25.0

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The number of the delivery.")]
Webhook = Annotated[
    str | None,
    typer.Option("--webhook", envvar="SUNSHINE_KEYS_WEBHOOK", metavar="WEBHOOK_ID", help="Only this webhook."),
]

program = GROUPS["webhooks"]


def _row(delivery: dict[str, Any]) -> list[str]:
    event, attempts = delivery["event"], delivery["attempts"]
    result = ""
    if attempts:
        last = attempts[-1]
        result = f"{last.get('status') or last['error']} after {last['milliseconds']:.0f} ms"
    if "nextAttemptAt" in delivery:
        result += f", next at {delivery['nextAttemptAt']}"
    return [
        str(delivery["number"]), event["createdAt"], event["type"], delivery["webhookId"], delivery["state"],
        str(len(attempts)), result,
    ]  # fmt: skip


def _print(delivery: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json(delivery)
    else:
        output.print_table(list(_COLUMNS), [_row(delivery)])


@program.command()
def deliveries(
    context: typer.Context,
    app: App = None,
    webhook: Webhook = None,
    state: Annotated[
        str | None,
        typer.Option(envvar="SUNSHINE_KEYS_STATE", help="Only this state: pending, delivered, failed or cancelled."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", envvar="SUNSHINE_KEYS_LIMIT", min=1, max=100, help="How many.")
    ] = 25,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """List the last deliveries of an app, newest first. The log of deliveries goes back seven days."""
    with session(context, profile) as opened:
        ids = {"appId": opened.app_id(app)}
        listed = opened.own("GET", _DELIVERIES, ids, webhookId=webhook, state=state, limit=limit)["deliveries"]
    if as_json:
        emit_json(listed)
    else:
        output.print_table(list(_COLUMNS), [_row(delivery) for delivery in listed])


@program.command("show-delivery")
def show_delivery(context: typer.Context, number: Number, app: App = None, profile: ProfileName = None) -> None:
    """Show a delivery with its event and the beginnings of the answers, as JSON. Events are stored for a day."""
    with session(context, profile) as opened:
        ids = {"appId": opened.app_id(app), "deliveryNumber": number}
        emit_json(opened.own("GET", f"{_DELIVERIES}/{{deliveryNumber}}", ids)["delivery"])


@program.command()
def redeliver(
    context: typer.Context, number: Number, app: App = None, profile: ProfileName = None, as_json: AsJson = False
) -> None:
    """Deliver an event once more, with the same event id, and show how that ended. Events are stored for a day."""
    with session(context, profile) as opened:
        ids = {"appId": opened.app_id(app), "deliveryNumber": number}
        created = opened.own("POST", f"{_DELIVERIES}/{{deliveryNumber}}/redeliver", ids)["delivery"]
        _print_ended(opened, ids["appId"], created, as_json=as_json)


@program.command("test")
def deliver_test(
    context: typer.Context,
    webhook_id: Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")],
    app: App = None,
    integration: Integration = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Deliver the published example of a conversation:message event to a webhook, and show how that ended."""
    if integration is None:
        stop(Exit.USAGE, "the integration is missing: add --integration or set SUNSHINE_KEYS_INTEGRATION")
    with session(context, profile) as opened:
        ids = {"appId": opened.app_id(app), "integrationId": integration, "webhookId": webhook_id}
        path = "/apps/{appId}/integrations/{integrationId}/webhooks/{webhookId}/test"
        created = opened.own("POST", path, ids)["delivery"]
        _print_ended(opened, ids["appId"], created, as_json=as_json)


def _print_ended(opened: Session, app_id: str, delivery: dict[str, Any], *, as_json: bool) -> None:
    """Print a delivery after its first attempt. End the program with a failure unless that succeeded."""
    ids = {"appId": app_id, "deliveryNumber": str(delivery["number"])}
    end = time.monotonic() + _TEST_SECONDS
    while not delivery["attempts"] and delivery["state"] == "pending" and time.monotonic() < end:
        time.sleep(_POLL_SECONDS / 5)
        delivery = opened.own("GET", f"{_DELIVERIES}/{{deliveryNumber}}", ids)["delivery"]
    _print(delivery, as_json=as_json)
    if delivery["state"] != "delivered":
        stop(Exit.FAILED, "the target did not accept the event")


@program.command()
def tail(
    context: typer.Context,
    app: App = None,
    webhook: Webhook = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Print a line for each delivery from now on, once its first attempt has ended, until Ctrl-C."""
    with session(context, profile) as opened, contextlib.suppress(KeyboardInterrupt):
        ids = {"appId": opened.app_id(app)}
        newest = opened.own("GET", _DELIVERIES, ids, limit=1)["deliveries"]
        after = newest[0]["number"] if newest else 0
        while True:
            page = opened.own("GET", _DELIVERIES, ids, after=after, webhookId=webhook, limit=100)
            for delivery in page["deliveries"]:
                if not delivery["attempts"] and delivery["state"] == "pending":
                    break  # the lines stay in the order of the events
                after = delivery["number"]
                if as_json:
                    emit_json(delivery)
                else:
                    emit("  ".join(_row(delivery)))
            else:
                if page["hasMore"]:
                    after = page["next"]
                    continue
            time.sleep(_POLL_SECONDS)
