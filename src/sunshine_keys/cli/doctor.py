"""`doctor`: why a request was or would be refused, told to whoever has the store."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Annotated

import msgspec
import typer

from sunshine_keys.cli.audit import parse_time
from sunshine_keys.cli.diagnosis import credentials, trail
from sunshine_keys.cli.diagnosis.findings import Diagnosis
from sunshine_keys.cli.exits import Exit, printable, stop
from sunshine_keys.cli.program import Data, Database, cli
from sunshine_keys.compose import Settings, opened_engine, opened_store, require_store

_REQUEST_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_REQUEST = re.compile(r"([A-Za-z]+) +(/\S*)", re.ASCII)
_MOST = 100_000


@cli.command()
def doctor(
    request_id: Annotated[
        str | None,
        typer.Argument(
            metavar="REQUEST_ID",
            help="The X-Request-Id of the answer; without one, a credential is read.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    database: Database = None,
    request: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="REQUEST", help='What the credential was used for, as in "GET /v2/apps/ID/keys".'
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When it was used: a time (UTC unless it says) or a span before now, such as 10m."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print one JSON object.")
    ] = False,
) -> None:
    """Tell why a request was refused, or a credential would be.

    Give the request's id, or on standard input what was sent: an Authorization header, id:secret, or a token. No secret is
    shown or kept. Exits 0 where it is accepted, 1 where a cause is found, and 3 where nothing is known of the request.
    """
    settings = Settings.of(data, database)
    now = time.time() if at is None else parse_time(at, "--at").timestamp()
    wanted = None if request is None else _REQUEST.fullmatch(request.strip())
    if request is not None and wanted is None:
        raise typer.BadParameter('--for should be a method and a path, as in "GET /v2/apps/ID/keys"')
    if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
        # Not repeated: it may be a secret that was put in the wrong place.
        stop(
            Exit.USAGE,
            "a request's id is 24 hex digits, as X-Request-Id tells it",
            "A credential or a token goes to standard input, where other users cannot see it.",
        )
    given = None if request_id is not None else _read()

    async def examine() -> Diagnosis:
        if given is None:
            assert request_id is not None
            async with opened_store(settings) as store:
                return await trail.of_request(store, request_id)
        await require_store(settings)
        async with opened_engine(settings) as engine:
            return await credentials.diagnose(engine, given, wanted and (wanted[1].upper(), wanted[2]), now)

    _tell(asyncio.run(examine()), as_json=as_json)


def _read() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        given: str = typer.prompt("Header, id:secret or token", hide_input=True, err=True)
    else:
        given = "" if sys.stdin is None else sys.stdin.buffer.read(_MOST).decode("utf-8", "replace")
    if not given.strip():
        stop(Exit.USAGE, "give the request's id, or on standard input an Authorization header, id:secret or a token")
    return given


def _tell(diagnosis: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(diagnosis)).decode())
    else:
        verdict = {True: "Accepted", False: "Refused", None: "Unknown"}[diagnosis.accepted]
        for finding in diagnosis.findings:
            typer.echo(f"{verdict if finding is diagnosis.findings[-1] else 'Accepted'}: {printable(finding.told)}.")
            if finding.advice:
                typer.echo(f"  {finding.advice}")
    code = {True: Exit.DONE, False: Exit.FAILED, None: Exit.NOT_FOUND}[diagnosis.accepted]
    raise typer.Exit(int(code))
