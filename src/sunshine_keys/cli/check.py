"""`check`: whose secrets are, and whether they are live."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer

from sunshine_keys.cli.diagnosis.findings import utc_time
from sunshine_keys.cli.diagnosis.secrets import Form, Item, Verdict, look_up, read_item
from sunshine_keys.cli.exits import Exit, printable, stop
from sunshine_keys.cli.owners import described, last_use
from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.options import ProfileName
from sunshine_keys.cli.remote.session import is_typed, require_private
from sunshine_keys.cli.terminal import emit
from sunshine_keys.compose import opened_engine
from sunshine_keys.keys.model import Key, moment_text
from sunshine_keys.oauth.model import OAuthClient
from sunshine_keys.opening import require_store
from sunshine_keys.settings import Settings
from sunshine_keys.verify import Caller, Refused, Verifier

_INPUT_BYTES = 1_000_000
"""The most that is read from standard input."""

_MAY_BE_SECRET = re.compile(r"[A-Za-z0-9+/_-]{20,}|[:.]")


@cli.command()
def check(
    context: typer.Context,
    arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    data: Data = None,
    database: Database = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Ask the running service at this URL, which needs key ids."),
    ] = None,
    profile: ProfileName = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print each line's result as a line of JSON.")
    ] = False,
) -> None:
    """Show whether secrets on standard input are well-formed, whose they are, and whether they are live.

    Each line is a secret, KEY_ID:SECRET, an Authorization header or a token. Without a store, --url or --profile, only the
    form is checked. The output never contains the secret.

    Exit 0 if all are live, 1 if one belongs to a known key but is not live, and 3 if one is malformed or unknown. If only
    the form is checked, exit 0 if all are well-formed, and 3 if one is not.
    """
    if arguments:
        _refuse_argument(arguments)
    has_service = url is not None or is_typed(context, "profile")
    if has_service and (is_typed(context, "data") or is_typed(context, "database")):
        raise typer.BadParameter("name a service with --url or --profile, or a store with --data or --database")
    if url is not None and is_typed(context, "profile"):
        raise typer.BadParameter("name a service with --url or with --profile, not with both")
    numbered = _read()
    items = [item for _, item in numbered]
    if has_service:
        host = url if url is not None else profiles.find(profiles.load(), profile or "").host
        verdicts: Iterable[Verdict | None] = _ask_service(host, items)
    elif data or database:
        verdicts = asyncio.run(_ask_store(Settings.of(data, database), items))
    else:
        verdicts = [None] * len(items)
    code = Exit.DONE
    for (number, item), verdict in zip(numbered, verdicts, strict=True):
        code = max(code, _exit(item, verdict))
        if as_json:
            emit(json.dumps(_json(number, item, verdict)))
        else:
            emit(f"{number}: {_text(item, verdict)}" if len(items) > 1 else _text(item, verdict))
    raise typer.Exit(int(code))


def _refuse_argument(arguments: list[str]) -> NoReturn:
    """End the program. The message does not repeat the arguments."""
    advice = "Pass secrets on standard input, one in a line: sunshine-keys check < secrets.txt"
    if any(map(_MAY_BE_SECRET.search, arguments)):
        stop(
            Exit.USAGE,
            "an argument looks like a secret: other users can read arguments in the list of processes, and the shell stores them",
            advice,
        )
    stop(Exit.USAGE, "the command takes no arguments", advice)


def _read() -> list[tuple[int, Item]]:
    """Return the items on standard input with the numbers of their lines. End the program if there are none."""
    if sys.stdin is not None and sys.stdin.isatty():
        text: str = typer.prompt("Secret, id:secret, header or token", hide_input=True, err=True)
    else:
        read = b"" if sys.stdin is None else sys.stdin.buffer.read(_INPUT_BYTES + 1)
        if len(read) > _INPUT_BYTES:
            stop(
                Exit.USAGE, "standard input is longer than 1 MB", "`sunshine-keys scan -` searches text of any length."
            )
        text = read.decode("utf-8-sig", "replace")
    items = [(number, read_item(line)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not items:
        stop(Exit.USAGE, "standard input is empty", "Pass secrets on standard input, one in a line.")
    return items


async def _ask_store(settings: Settings, items: list[Item]) -> list[Verdict]:
    await require_store(settings)
    async with opened_engine(settings, read_only=True) as engine:
        return await look_up(engine, items)


def _ask_service(host: str, items: list[Item]) -> Iterator[Verdict]:
    """Ask `/auth` about each item with a key's id. End the program if the service does not answer, after the verdicts so far."""
    _require_url(host)
    require_private(host)
    verifier = Verifier(host.rstrip("/").removesuffix("/sc"))
    for item in items:
        if item.key_id is None:
            yield Verdict(None, reason="only a store can find the owner of a secret without its key's id")
            continue
        try:
            caller = verifier.verify(item.header)
        except Refused as refused:
            if refused.status != 401:
                is_answer = refused.__context__ is None
                stop(
                    Exit.TRY_AGAIN if is_answer else Exit.NO_CONTACT,
                    f"{host} answered {refused.status}" if is_answer else f"{host} did not answer",
                    "Try again, or check that the service runs and that the URL is right.",
                )
            yield Verdict(None, reason="the service does not accept it")
        except ValueError as error:
            stop(Exit.FAILED, printable(str(error)), "Check that this is the URL of a Sunshine Keys service.")
        else:
            yield Verdict(True, caller)


def _require_url(host: str) -> None:
    try:
        is_url = urlsplit(host).scheme in ("http", "https") and urlsplit(host).hostname
    except ValueError:
        is_url = False
    if not is_url:
        stop(Exit.USAGE, "--url is not the URL of a service, such as https://keys.example.com")


def _exit(item: Item, verdict: Verdict | None) -> Exit:
    if verdict is None:
        return Exit.NOT_FOUND if item.problem else Exit.DONE
    return {True: Exit.DONE, False: Exit.FAILED, None: Exit.NOT_FOUND}[verdict.live]


def _json(number: int, item: Item, verdict: Verdict | None) -> dict[str, Any]:
    line: dict[str, Any] = {"line": number, "form": item.form, "wellFormed": not item.problem}
    line |= {"problem": item.problem} if item.problem else {}
    line |= {"keyId": item.key_id} if item.key_id else {}
    if verdict is None:
        return line
    line["live"] = verdict.live
    line |= {"reason": verdict.reason} if verdict.reason else {}
    owner, use = verdict.owner, verdict.use
    if isinstance(owner, OAuthClient):
        line["oauthClient"] = {"id": owner.id, "displayName": owner.display_name}
    elif owner is not None:
        key: dict[str, Any] = (
            {"id": owner.key_id} if isinstance(owner, Caller) else {"id": owner.id, "displayName": owner.display_name}
        )
        key |= {"scope": owner.scope, "appId": owner.app_id, "integrationId": owner.integration_id}
        if isinstance(owner, Key):
            key["expiresAt"] = moment_text(owner.expires_at)
        if use is not None and use.last_used is not None:
            key |= {"lastUsed": utc_time(use.last_used), "lastSource": use.last_source}
        line["key"] = {name: value for name, value in key.items() if value is not None}
    return line


def _text(item: Item, verdict: Verdict | None) -> str:
    form = f"malformed: {item.problem}" if item.problem else "well-formed"
    if verdict is None or item.form is Form.UNKNOWN:
        return form
    reason = f": {printable(verdict.reason)}" if verdict.reason else ""
    if verdict.live is None:
        return f"UNKNOWN, {form}{reason}"
    state = "LIVE" if verdict.live else "NOT LIVE"
    if verdict.owner is None:
        return f"{state}, {form}{reason}"
    parts = [f"{state}, {form}, {described(verdict.owner)}"]
    if not isinstance(verdict.owner, OAuthClient):
        parts.append(f"scope {verdict.owner.scope}")
    if isinstance(verdict.owner, Key):
        parts += [f"ends {moment_text(verdict.owner.expires_at)}"] if verdict.live and verdict.owner.expires_at else []
        parts.append(f"last use {last_use(verdict.use)}")
    return ", ".join(parts) + reason
