"""`doctor`: show the operator why the service refuses a request or credentials."""

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
from sunshine_keys.cli.terminal import emit, emit_json
from sunshine_keys.compose import opened_engine
from sunshine_keys.opening import opened_store, require_store
from sunshine_keys.settings import Settings

_REQUEST_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_REQUEST = re.compile(r"([A-Za-z]+) +(/\S*)", re.ASCII)
_INPUT_BYTES = 100_000
"""The most that is read from standard input."""


@cli.command()
def doctor(
    request_id: Annotated[
        str | None,
        typer.Argument(
            metavar="REQUEST_ID",
            help="The X-Request-Id of the answer. Default: read credentials.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    database: Database = None,
    request: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="REQUEST",
            help='The request that the credentials were used for, such as "GET /v2/apps/ID/keys".',
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When they were used: a time (UTC unless it names a zone), or a duration before now such as 10m.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print one JSON object.")
    ] = False,
) -> None:
    """Show why the service refused a request, or refuses credentials.

    Name the request's id, or pass what was sent on standard input: an Authorization header, id:secret, or a token. The
    command neither shows nor stores secrets. Exit 0 if it is accepted, 1 if a cause was found, and 3 if the request is
    unknown.
    """
    settings = Settings.of(data, database)
    now = time.time() if at is None else parse_time(at, "--at").timestamp()
    parts = None if request is None else _REQUEST.fullmatch(request.strip())
    if request is not None and parts is None:
        raise typer.BadParameter('--for is not a method and a path, such as "GET /v2/apps/ID/keys"')
    if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
        # The message does not repeat it, because it may be a secret in the wrong place.
        stop(
            Exit.USAGE,
            "the argument is not the id of a request: X-Request-Id has 24 hex digits",
            "Pass credentials on standard input, where other users cannot see them.",
        )
    text = None if request_id is not None else _read()

    async def examine() -> Diagnosis:
        if text is None:
            assert request_id is not None
            async with opened_store(settings, read_only=True) as store:
                return await trail.request(store, request_id)
        await require_store(settings)
        async with opened_engine(settings, read_only=True) as engine:
            return await credentials.diagnose(engine, text, parts and (parts[1].upper(), parts[2]), now)

    _print(asyncio.run(examine()), as_json=as_json)


def _read() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        text: str = typer.prompt("Header, id:secret or token", hide_input=True, err=True)
    else:
        text = "" if sys.stdin is None else sys.stdin.buffer.read(_INPUT_BYTES).decode("utf-8-sig", "replace")
    if not text.strip():
        stop(
            Exit.USAGE,
            "standard input is empty",
            "Name a request's id, or pass an Authorization header, id:secret or a token on standard input.",
        )
    return text


def _print(diagnosis: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        emit_json(msgspec.to_builtins(diagnosis))
    else:
        verdict = {True: "Accepted", False: "Refused", None: "Unknown"}[diagnosis.accepted]
        for finding in diagnosis.findings:
            emit(f"{verdict if finding is diagnosis.findings[-1] else 'Accepted'}: {printable(finding.message)}.")
            if finding.advice:
                emit(f"  {finding.advice}")
    code = {True: Exit.DONE, False: Exit.FAILED, None: Exit.NOT_FOUND}[diagnosis.accepted]
    raise typer.Exit(int(code))
