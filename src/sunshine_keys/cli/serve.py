"""`serve` and `demo`: run the service in this process."""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from sunshine_keys.atomic_files import draft
from sunshine_keys.cli.notifying import NotifyBody, NotifyCommand, NotifyUrl
from sunshine_keys.cli.program import Data, Database, cli, fail, print_flushed
from sunshine_keys.notifying.options import Body, Notifications
from sunshine_keys.observing.logs import Log, LogFormat, LogLevel
from sunshine_keys.webhooks.targets import Targets

logger = logging.getLogger("sunshine_keys.server")


def _rate(text: str) -> str:
    """Check a rate, so that Typer names the option if it is invalid."""
    from sunshine_keys.wire.limits import RateLimits

    try:
        RateLimits.of(text, None, None)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


@cli.command()
def serve(
    data: Data = None,
    database: Database = None,
    host: Annotated[str, typer.Option(envvar="SUNSHINE_KEYS_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_PORT", min=0, max=65535, help="The port; 0 takes a free port.")
    ] = 8080,
    workers: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_WORKERS", min=1, max=256, help="The number of processes.")
    ] = 1,
    tls_cert: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_TLS_CERT", metavar="FILE", help="Serve HTTPS with this certificate (PEM)."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(envvar="SUNSHINE_KEYS_TLS_KEY", metavar="FILE", help="The certificate's key (PEM).")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            envvar="SUNSHINE_KEYS_INSECURE",
            help="Serve other machines without TLS, for example behind a proxy that terminates it.",
        ),
    ] = False,
    forwarded_allow_ips: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_FORWARDED_ALLOW_IPS",
            metavar="ADDRESSES",
            help="Proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted: addresses and networks, separated by commas; * for all.",
        ),
    ] = "",
    public_url: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_PUBLIC_URL",
            metavar="URL",
            help="The URL at which clients reach the service, with its path if it has one. Default: the Host header of each request.",
        ),
    ] = "",
    max_connections: Annotated[
        int,
        typer.Option(
            envvar="SUNSHINE_KEYS_MAX_CONNECTIONS",
            min=1,
            max=1_000_000,
            help="The highest number of open connections in each process.",
        ),
    ] = 10_000,
    rate_limit_key: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RATE_LIMIT_KEY",
            metavar="RATE",
            callback=_rate,
            help="Requests with one key: 100/second, 6000/minute,burst=200, or off.",
        ),
    ] = "off",
    rate_limit_source: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RATE_LIMIT_SOURCE",
            metavar="RATE",
            callback=_rate,
            help="Requests from one address, in the same form.",
        ),
    ] = "off",
    rate_limit_failures: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RATE_LIMIT_FAILURES",
            metavar="RATE",
            callback=_rate,
            help="Failed authentications from one address with one key id; from one address in total, ten times as many.",
        ),
    ] = "100/minute",
    log_format: Annotated[
        LogFormat,
        typer.Option(
            envvar="SUNSHINE_KEYS_LOG_FORMAT", help="The format of the log: text for people, json for programs."
        ),
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            envvar="SUNSHINE_KEYS_LOG_LEVEL",
            help="The lowest level to log; requests are info, requests that fail are error.",
        ),
    ] = LogLevel.INFO,
    metrics_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_METRICS_TOKEN_FILE",
            metavar="FILE",
            help="Serve /metrics to requests with the token in this file; without a token, to nobody.",
        ),
    ] = None,
    usage: Annotated[
        bool,
        typer.Option(
            envvar="SUNSHINE_KEYS_USAGE", help="Record how often each key is used, when last, and from which address."
        ),
    ] = True,
    console: Annotated[
        bool,
        typer.Option("--console/--no-console", envvar="SUNSHINE_KEYS_CONSOLE", help="Serve the console at /console."),
    ] = True,
    ended_key_days: Annotated[
        int,
        typer.Option(
            envvar="SUNSHINE_KEYS_ENDED_KEY_DAYS",
            min=0,
            max=3650,
            help="The days after which a key that has ended is deleted. Until then it is listed.",
        ),
    ] = 30,
    simulator: Annotated[
        bool,
        typer.Option(
            "--simulator/--no-simulator",
            envvar="SUNSHINE_KEYS_SIMULATOR",
            help="Let requests below /simulator/v1 act for people: for development and tests, with one worker.",
        ),
    ] = False,
    webhook_targets: Annotated[
        Targets | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_WEBHOOK_TARGETS",
            help="The targets that webhooks may have: on any address, or on public ones only. Default: any if --host is a loopback address, else public.",
        ),
    ] = None,
    webhook_batch: Annotated[
        int,
        typer.Option(
            envvar="SUNSHINE_KEYS_WEBHOOK_BATCH", min=1, max=100, help="The most events in one call of a webhook."
        ),
    ] = 1,
    webhook_gap_factor: Annotated[
        float,
        typer.Option(
            envvar="SUNSHINE_KEYS_WEBHOOK_GAP_FACTOR",
            min=0,
            max=10,
            help="Multiply the time between attempts to deliver (15 s, 45 s, 3 min, 9 min): 0 for tests.",
        ),
    ] = 1.0,
    notify: NotifyUrl = None,
    notify_command: NotifyCommand = None,
    notify_body: NotifyBody = Body.EVENT,
) -> None:
    """Serve the API until SIGTERM. If there is no store, create one first, and write its account key to a file in --data."""
    from sunshine_keys import server
    from sunshine_keys.asgi import RETRY_SECONDS
    from sunshine_keys.compose import create_first_objects
    from sunshine_keys.observing.metrics_page import MetricsAccess
    from sunshine_keys.settings import Settings
    from sunshine_keys.store.errors import StoreUnreachable
    from sunshine_keys.wire.limits import RateLimits

    log = Log(log_format, log_level)
    log.configure()
    server.exit_0_on_signals()
    limits = RateLimits.of(rate_limit_key, rate_limit_source, rate_limit_failures)
    try:
        metrics = MetricsAccess.from_environment(os.environ, metrics_token_file)
        notifications = Notifications.from_environment(os.environ, notify, notify_command, notify_body)
    except ValueError as error:
        fail(str(error))
    settings = msgspec.structs.replace(
        Settings.of(data, database, limits, log, metrics),
        usage=usage,
        console=console,
        simulator=simulator,
        ended_key_days=ended_key_days,
        webhook_batch=webhook_batch,
        webhook_gap_factor=webhook_gap_factor,
        notifications=notifications,
    )
    connections = server.Connections(tls_cert, tls_key, forwarded_allow_ips, max_connections, public_url)
    try:
        connections.check()
    except ValueError as error:
        fail(str(error))
    try:
        on_loopback = server.is_loopback(host)
        if not (tls_cert or insecure or on_loopback):
            fail(
                f"other machines can reach {host}, and secrets would cross the network unencrypted. Add --tls-cert and "
                "--tls-key, or --insecure if something else encrypts the connection"
            )
        listener = server.listen(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        fail(f"cannot listen on {host} port {port}: {reason}" + (". Name another with --port" if is_taken else ""))
    targets = webhook_targets or (Targets.ANY if on_loopback else Targets.PUBLIC)
    settings = msgspec.structs.replace(settings, targets=targets)
    with listener:
        while True:
            try:
                created = create_first_objects(settings)
                break
            except StoreUnreachable as error:
                logger.warning("waiting for the database: %s", error)
                time.sleep(RETRY_SECONDS)
        if created is not None:
            print_flushed(
                f"Created a new store, {settings.location}. If you expected an existing one, check the options."
            )
            print_flushed(_save(created, settings.data))
        print_flushed(_addresses(server.url_of(listener, connections), public_url, console=console))
        connections = server.with_room(connections)
        if workers == 1:
            server.serve(settings, connections, listener)
        else:
            from sunshine_keys.supervisor import Supervisor

            Supervisor(settings, connections, listener, workers).run()


def _save(created: dict[str, Any], folder: Path | None) -> str:
    """Write the keys of a new store to a file in `folder` that only its owner can read. Return what to print about it.

    They are not printed, because standard output often becomes a log.
    """
    reason = "no folder is named with --data"
    for name in () if folder is None else ("account-key", f"account-key-{created['account_key']['id']}"):
        file = Path(str(folder), f"{name}.json")
        try:
            with draft(file) as part:
                part.write_text(json.dumps(created, indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            reason = f"cannot write {file}: {error.strerror}"
        else:
            return f"Its account key is in {file}, which only its owner can read. Move it to a safe place."
    return f"Its account key was not saved: {reason}. Create another: sunshine-keys account-keys create"


def _addresses(url: str, public_url: str, *, console: bool) -> str:
    """Return the lines that name the addresses of the service."""
    base = (public_url or url).rstrip("/")
    lines = [f"Sunshine Keys serves on {url}", f"  API        {base}/v2"]
    lines += [f"  console    {base}/console"] if console else []
    return "\n".join([*lines, f"  reference  {base}/docs"])


@cli.command()
def demo() -> None:
    """Issue, use and revoke a key through the client, against a service on a temporary store."""
    from sunshine_keys.cli.demo import run_demo

    run_demo()
