"""The service of `dev`: everything that a bot needs on one machine, and a line for everything that happens."""

from __future__ import annotations

import contextlib
import errno
import itertools
import re
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import typer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client.configuration import HOST_VARIABLE
from sunshine_keys import server
from sunshine_keys.access.scopes import Scope
from sunshine_keys.atomic_files import draft
from sunshine_keys.cli.exits import explain, printable, stop
from sunshine_keys.cli.program import fail
from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.conversation_lines import author_name, content_line
from sunshine_keys.cli.remote.session import Session
from sunshine_keys.cli.remote.sign_in_links import SECONDS, open_in_background, sign_in_link
from sunshine_keys.cli.terminal import emit, styled
from sunshine_keys.compose import first_run
from sunshine_keys.observing.logs import Log, LogFormat, LogLevel
from sunshine_keys.settings import Settings
from sunshine_keys.webhooks.model import TRIGGERS
from sunshine_keys.wire.outcome import Outcome

PROFILE = "dev"
"""The profile that lets other commands reach the service while it runs. If it is another's, a number follows the name."""

_PLACE_FILE = "dev.json"
_ENV_HEAD = "# Written by sunshine-keys dev"
_DELIVERIES = "/apps/{appId}/deliveries"
_POLL_SECONDS = 0.1
_RETRY_POLLS = 10
"""Deliveries that have failed are read again after so many polls."""
_MOST_UNFINISHED = 20
_LATE_SECONDS = 0.25
"""A line waits so long for lines with an earlier time, which are read later."""


class Key(msgspec.Struct, frozen=True):
    id: str
    secret: str


class Place(msgspec.Struct, frozen=True):
    """What `dev` has created in a store. `key` belongs to the integration, and is the bot's."""

    account_key: Key
    app_key: Key
    key: Key
    app_id: str
    integration_id: str
    webhook_id: str
    webhook_secret: str

    def variables(self, url: str) -> dict[str, str]:
        """Return the environment variables of a bot."""
        return {
            HOST_VARIABLE: url,
            "APP_ID": self.app_id,
            "INTEGRATION_ID": self.integration_id,
            "KEY_ID": self.key.id,
            "SECRET": self.key.secret,
            "WEBHOOK_SECRET": self.webhook_secret,
        }


def run_dev(forward_to: str, data: Path | None, port: int, env: Path | None, *, browser: bool) -> None:
    """Run the service and print lines until Ctrl-C or SIGTERM. The arguments are those of `dev`."""
    target = _target(forward_to)
    if env is not None:
        _require_ours(env)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    Log(LogFormat.TEXT, LogLevel.ERROR).configure()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_explained())
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        listener = stack.enter_context(_listen(port))
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sunshine-keys-dev-")))
        settings = Settings(folder, simulator=True)
        place = _read(folder)
        account_key = place.account_key if place else _new_store(settings)
        calls = Calls()
        url = stack.enter_context(server.running(settings, listener=listener, observers=[calls]))
        configuration = sunshine.Configuration(host=url, key_id=account_key.id, secret=account_key.secret)
        client = stack.enter_context(sunshine.ApiClient(configuration))
        if place is None:
            place = _create(client, account_key, target)
            _write(folder, place)
        else:
            webhooks = sunshine.WebhooksApi(client)
            webhooks.update_webhook(place.app_id, place.integration_id, place.webhook_id, {"target": target})
        calls.own_key_ids = frozenset({place.account_key.id, place.app_key.id})
        if env is not None:
            _write_variables(env, place.variables(url))
        profile = stack.enter_context(_profile(url, place.app_key))
        key = place.app_key
        link = sign_in_link(url, key.id, key.secret, Scope.APP, f"/console/apps/{place.app_id}/chat")
        emit(_announcement(url, place, target, env, profile, link))
        if browser and sys.stdout is not None and sys.stdout.isatty():
            open_in_background(link)
        calls.lines.clear()
        _Watch(Session(client, "dev"), place, calls).run()
    emit(f"Stopped. {data} has everything for the next time." if data else "Stopped. Nothing is left.")


@contextlib.contextmanager
def _explained() -> Generator[None]:
    """End the program with the reason if a call of this program's own service fails."""
    try:
        yield
    except sunshine.ApiException as error:
        code, lines = explain(error, "the service of this command")
        stop(code, *lines)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _target(url: str) -> str:
    """Return the URL of a webhook, of http if it has no scheme. End the program if it is no URL."""
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise typer.BadParameter(
            f"{url} is no URL; use one such as http://localhost:5000/webhook", param_hint="--forward-to"
        )
    return url


def _listen(port: int) -> socket.socket:
    try:
        return server.listen("127.0.0.1", port)
    except OSError as error:
        hint = ". Name another with --port, or 0 for a free one" if error.errno == errno.EADDRINUSE else ""
        fail(f"cannot listen on port {port}: {error.strerror}{hint}")


def _read(folder: Path) -> Place | None:
    """Return what an earlier run has created in a folder, or None. End the program if the file is damaged."""
    file = folder / _PLACE_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Place)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        fail(f"{file} is damaged. Name another folder")


def _write(folder: Path, place: Place) -> None:
    with draft(folder / _PLACE_FILE) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(place)) + b"\n")


def _new_store(settings: Settings) -> Key:
    """Create a store, and return its account key. End the program if there is one already."""
    created = first_run(settings)
    if created is None:
        fail(
            f"{settings.location} is not a store of this command. Name another folder, or serve it: sunshine-keys serve"
        )
    return msgspec.convert(created["account_key"], Key)


def _create(client: sunshine.ApiClient, account_key: Key, target: str) -> Place:
    """Create an app, an integration with a webhook that hears every event, and keys of both."""
    apps: Any = sunshine.AppsApi(client)
    integrations: Any = sunshine.IntegrationsApi(client)
    app_keys: Any = sunshine.AppKeysApi(client)
    keys: Any = sunshine.CustomIntegrationApiKeysApi(client)
    app_id = apps.create_app({"displayName": "Development"}).app.id
    webhook = {"target": target, "triggers": list(TRIGGERS)}
    body = {"type": "custom", "displayName": "Bot", "webhooks": [webhook]}
    integration = integrations.create_integration(app_id, body).integration
    app_key = app_keys.create_app_key(app_id, {"displayName": "Development"}).key
    key = keys.create_custom_integration_key(app_id, integration.id, {"displayName": "Bot"}).key
    return Place(
        account_key=account_key,
        app_key=Key(app_key.id, app_key.secret),
        key=Key(key.id, key.secret),
        app_id=app_id,
        integration_id=integration.id,
        webhook_id=integration.webhooks[0].id,
        webhook_secret=integration.webhooks[0].secret,
    )


def _require_ours(file: Path) -> None:
    """End the program if the file has been written by somebody else."""
    with contextlib.suppress(FileNotFoundError):
        if not file.read_bytes().startswith(_ENV_HEAD.encode()):
            fail(f"{file} exists, and this command has not written it. Name another file")


def _write_variables(file: Path, variables: dict[str, str]) -> None:
    lines = [_ENV_HEAD, *(f"{name}={value}" for name, value in variables.items())]
    with draft(file, replace=True) as part:
        part.write_text("\n".join(lines) + "\n", "utf-8")


@contextlib.contextmanager
def _profile(url: str, key: Key) -> Generator[str]:
    """Have a profile name this service while the block runs, and yield its name. Other profiles stay as they are."""
    saved = profiles.load().profiles
    names = itertools.chain([PROFILE], (f"{PROFILE}-{number}" for number in itertools.count(2)))
    name = next(name for name in names if name not in saved or saved[name].key_id == key.id)
    profiles.add(name, url, key.id, key.secret, current=False)
    try:
        yield name
    finally:
        profiles.remove(name)


def _announcement(url: str, place: Place, target: str, env: Path | None, profile: str, link: str) -> str:
    variables = [f"  {name}={value}" for name, value in place.variables(url).items()]
    return "\n".join(
        [
            f"Sunshine Keys serves on {url}, and sends every event to {target}",
            f"Your bot needs these variables{f', which are in {env}' if env else ''}:",
            *variables,
            "To talk to it:",
            f"  in a browser, with this link, which signs you in and works for {SECONDS} seconds:",
            f"    {link}",
            f"  in a browser, later:   sunshine-keys open --profile {profile}",
            f"  in another terminal:   sunshine-keys chat --profile {profile}",
            "Ctrl-C stops it.",
            "",
        ]
    )


class Line(NamedTuple):
    """A line, and the time of what it shows, in seconds since 1970."""

    time: float
    text: str


class Calls:
    """Collects a line for each call of the bot and of simulated people, on the event loop of the server.

    The calls of the keys `own_key_ids` are left out, but for those that act for people.
    """

    def __init__(self) -> None:
        self.own_key_ids: frozenset[str] = frozenset()
        self.lines: deque[Line] = deque()

    def __call__(self, outcome: Outcome) -> None:
        request = outcome.request
        plane, *rest = request.segments
        is_person = plane == "simulator"
        is_own = request.actor is not None and request.actor.key_id in self.own_key_ids
        if not (is_person or (plane == "v2" and not is_own)):
            return
        path = "/".join(["", *map(_shortened, rest[3:] if is_person else rest[2:])])
        status = styled(str(outcome.status), fg="red" if outcome.status >= 400 else "green")
        fault = f" {outcome.code}" if outcome.code else ""
        who = "person" if is_person else "bot"
        text = f"{who:<8} {request.method} {path}  {status}{fault} in {outcome.seconds * 1000:.0f} ms"
        self.lines.append(Line(outcome.began, text))


_ID = re.compile("[0-9a-f]{24}")


def _shortened(segment: str) -> str:
    """Return a segment of a path, of which an id of the service has only its end."""
    return f"…{segment[-4:]}" if _ID.fullmatch(segment) else printable(segment)


class _Watch:
    """Prints what happens, in the order of its times."""

    def __init__(self, session: Session, place: Place, calls: Calls) -> None:
        self._session = session
        self._ids = {"appId": place.app_id}
        self._calls = calls
        self._after = 0
        self._unfinished: dict[int, int] = {}
        """By number, the attempts of deliveries that are shown already."""
        self._lines: list[Line] = []

    def run(self) -> None:
        """Print lines until KeyboardInterrupt."""
        newest = self._session.own("GET", _DELIVERIES, self._ids, limit=1)["deliveries"]
        self._after = newest[0]["number"] if newest else 0
        for number in itertools.count():
            self._read_deliveries()
            if number % _RETRY_POLLS == 0:
                self._read_attempts()
            while self._calls.lines:
                self._lines.append(self._calls.lines.popleft())
            self._print(time.time() - _LATE_SECONDS)
            time.sleep(_POLL_SECONDS)

    def _read_deliveries(self) -> None:
        page = self._session.own("GET", _DELIVERIES, self._ids, after=self._after, limit=100)
        for delivery in page["deliveries"]:
            if not delivery["attempts"] and delivery["state"] == "pending":
                break
            self._after = delivery["number"]
            self._show(delivery)

    def _read_attempts(self) -> None:
        for number in list(self._unfinished)[:_MOST_UNFINISHED]:
            self._show(self._read(number))

    def _read(self, number: int) -> dict[str, Any]:
        path = f"{_DELIVERIES}/{{deliveryNumber}}"
        answer: dict[str, dict[str, Any]] = self._session.own("GET", path, self._ids | {"deliveryNumber": str(number)})
        return answer["delivery"]

    def _show(self, delivery: dict[str, Any]) -> None:
        """Add a line for each attempt that has none. A delivery of a list lacks the payload of its event."""
        number, attempts, event = delivery["number"], delivery["attempts"], delivery["event"]
        new = attempts[self._unfinished.pop(number, 0) :]
        if new and "payload" not in event:
            event = self._read(number)["event"]
        for attempt in new:
            next_at = delivery.get("nextAttemptAt") if attempt is attempts[-1] else None
            self._lines.append(_attempt_line(event, attempt, next_at))
        if delivery["state"] == "pending":
            self._unfinished[number] = len(attempts)

    def _print(self, until: float) -> None:
        self._lines.sort()
        while self._lines and self._lines[0].time <= until:
            line = self._lines.pop(0)
            emit(f"{time.strftime('%H:%M:%S', time.localtime(line.time))}  {line.text}")


def _attempt_line(event: dict[str, Any], attempt: dict[str, Any], next_at: str | None) -> Line:
    if "status" in attempt:
        result = styled(str(attempt["status"]), fg="green" if attempt["status"] < 300 else "red")
    else:
        result = styled(printable(attempt.get("error", "no answer")), fg="red")
    message = event.get("payload", {}).get("message")
    said = f"  {author_name(message['author'])}: {content_line(message['content'])}" if message else ""
    later = f", again at {next_at}" if next_at else ""
    began = datetime.fromisoformat(attempt["startedAt"]).timestamp()
    text = f"{'webhook':<8} {event['type']}{printable(said)}  {result} in {attempt['milliseconds']:.0f} ms{later}"
    return Line(began + attempt["milliseconds"] / 1000, text)
