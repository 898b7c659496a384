"""Run `dev`: the service, its announcement, its profile, and the file of variables."""

from __future__ import annotations

import contextlib
import errno
import itertools
import signal
import socket
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import typer

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.access.scopes import Scope
from sunshine_keys.atomic_files import draft
from sunshine_keys.cli.development.lines import Calls, Watch
from sunshine_keys.cli.development.place import Key, Place, is_prepared, prepare
from sunshine_keys.cli.exits import explain, stop
from sunshine_keys.cli.program import fail
from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.session import Session
from sunshine_keys.cli.remote.sign_in_links import SECONDS, open_in_background, sign_in_link
from sunshine_keys.cli.terminal import emit
from sunshine_keys.observing.logs import Log, LogFormat, LogLevel
from sunshine_keys.settings import Settings
from sunshine_keys.webhooks.operations import http_url

PROFILE = "dev"
"""The profile that lets other commands reach the service while it runs. If it is another's, a number follows the name."""

_ENV_HEAD = "# Written by sunshine-keys dev"


def run_dev(forward_to: str, data: Path | None, port: int, env: Path | None, *, browser: bool) -> None:
    """Run the service and print lines until Ctrl-C or SIGTERM. The arguments are those of `dev`."""
    target = _target(forward_to)
    if env is not None:
        _require_ours(env)
    signals: list[int] = []

    def stop_soon(number: int, frame: Any) -> None:
        if signals:
            raise KeyboardInterrupt  # whoever asks a second time does not want to wait
        signals.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_soon)
    Log(LogFormat.TEXT, LogLevel.ERROR).configure()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_explained())
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        listener = stack.enter_context(_listen(port))
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sunshine-keys-dev-")))
        settings = Settings(folder, simulator=True)
        has_past = is_prepared(folder)
        place = prepare(folder, settings, target)
        calls = Calls(frozenset({place.account_key.id, place.app_key.id}))
        url = stack.enter_context(server.running(settings, listener=listener, observers=[calls]))
        if env is not None:
            _write_variables(env, place.variables(url))
        key, account_key = place.app_key, place.account_key
        configuration = sunshine.Configuration(host=url, key_id=account_key.id, secret=account_key.secret)
        client = stack.enter_context(sunshine.ApiClient(configuration))
        watch = Watch(Session(client, "dev"), place.app_id, calls)
        if has_past:
            watch.skip_past()
        profile = stack.enter_context(_profile(url, key))
        link = sign_in_link(url, key.id, key.secret, Scope.APP, f"/console/apps/{place.app_id}/chat")
        emit(_announcement(url, place, target, env, profile, link))
        if browser and sys.stdout is not None and sys.stdout.isatty():
            open_in_background(link)
        watch.run(lambda: bool(signals))
    emit(f"Stopped. {data} has everything for the next time." if data else "Stopped. Nothing is left.")


@contextlib.contextmanager
def _explained() -> Generator[None]:
    """End the program with the reason if a call of this program's own service fails."""
    try:
        yield
    except sunshine.ApiException as error:
        code, lines = explain(error, "the service of this command")
        stop(code, *lines)


def _target(url: str) -> str:
    """Return the URL of a webhook, of http if it has no scheme. End the program if it is no URL."""
    url = url if "://" in url else f"http://{url}"
    if http_url("target", url):
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
    profiles.add(name, url, key.id, key.secret, current=False, keyring=False)
    try:
        yield name
    finally:
        if name in profiles.load().profiles:
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
