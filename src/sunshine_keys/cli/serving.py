"""`serve` and `demo`: the service in this process."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sunshine_keys.cli.program import Data, Database, cli, fail, key_lines, print_flushed
from sunshine_keys.observing.logs import Log, LogFormat, LogLevel


def _rate(given: str) -> str:
    """Typer names the option where this is refused."""
    from sunshine_keys.wire.limits import RateLimits

    try:
        RateLimits.of(given, None, None)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return given


@cli.command()
def serve(
    data: Data = None,
    database: Database = None,
    host: Annotated[str, typer.Option(envvar="SUNSHINE_KEYS_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_PORT", min=0, max=65535, help="The port; 0 takes any free one.")
    ] = 8080,
    workers: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_WORKERS", min=1, max=256, help="How many processes serve.")
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
            help="Serve other machines without TLS; for where something else ends it.",
        ),
    ] = False,
    forwarded_allow_ips: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_FORWARDED_ALLOW_IPS",
            metavar="ADDRESSES",
            help="Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses and networks by commas, * for everyone.",
        ),
    ] = "",
    max_connections: Annotated[
        int,
        typer.Option(
            envvar="SUNSHINE_KEYS_MAX_CONNECTIONS", min=1, max=1_000_000, help="Connections at once, in each process."
        ),
    ] = 10_000,
    rate_limit_key: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RATE_LIMIT_KEY",
            metavar="RATE",
            callback=_rate,
            help="Requests of a key: 100/second, 6000/minute,burst=200, or off.",
        ),
    ] = "off",
    rate_limit_source: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RATE_LIMIT_SOURCE",
            metavar="RATE",
            callback=_rate,
            help="Requests of an address, in the same way.",
        ),
    ] = "off",
    rate_limit_failures: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RATE_LIMIT_FAILURES",
            metavar="RATE",
            callback=_rate,
            help="Failed authentications of an address with a key id; ten times as many of an address.",
        ),
    ] = "100/minute",
    log_format: Annotated[
        LogFormat,
        typer.Option(envvar="SUNSHINE_KEYS_LOG_FORMAT", help="What a line of the log is: for a person, or a program."),
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            envvar="SUNSHINE_KEYS_LOG_LEVEL", help="What is logged at least; requests are info, those that fail error."
        ),
    ] = LogLevel.INFO,
    metrics_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_METRICS_TOKEN_FILE",
            metavar="FILE",
            help="Serve /metrics to those who give the token in this file; without one, to nobody.",
        ),
    ] = None,
    usage: Annotated[
        bool,
        typer.Option(
            envvar="SUNSHINE_KEYS_USAGE", help="Keep how often each key is used, when last, and from which address."
        ),
    ] = True,
    console: Annotated[
        bool,
        typer.Option(
            "--console/--no-console", envvar="SUNSHINE_KEYS_CONSOLE", help="Whether there are pages at /console."
        ),
    ] = True,
) -> None:
    """Serve the API until SIGTERM. Where there is no store one is made first, and its account key printed."""
    from sunshine_keys import server
    from sunshine_keys.compose import Settings, first_run
    from sunshine_keys.observing.page import MetricsAccess
    from sunshine_keys.wire.limits import RateLimits

    log = Log(log_format, log_level)
    log.configure()
    server.exit_0_when_told_to_stop()
    limits = RateLimits.of(rate_limit_key, rate_limit_source, rate_limit_failures)
    try:
        metrics = MetricsAccess.given(os.environ, metrics_token_file)
    except ValueError as error:
        fail(str(error))
    settings = msgspec.structs.replace(Settings.of(data, database, limits, log, metrics), usage=usage, console=console)
    connections = server.Connections(tls_cert, tls_key, forwarded_allow_ips, max_connections)
    try:
        connections.check()
    except ValueError as error:
        fail(str(error))
    try:
        if not (tls_cert or insecure or server.is_loopback(host)):
            fail(
                f"{host} can be reached from other machines, and secrets would go over the network unencrypted: give "
                "--tls-cert and --tls-key, or --insecure where something else encrypts"
            )
        listener = server.listen(host, port)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        fail(f"cannot listen on {host} port {port}: {why}" + ("; name another by --port" if taken else ""))
    with listener:
        made = first_run(settings)
        if made is not None:
            print_flushed(f"Made a new store, {settings.location}. If there should have been one, look again.")
            print_flushed(key_lines("Its account key, shown only now", made["account_key"]))
        print_flushed(f"Sunshine Keys serves on {server.url_of(listener, connections)}")
        server.serve(settings, connections, listener, workers)


@cli.command()
def demo() -> None:
    """Issue, use and revoke a key through the client, against a service on a temporary store."""
    from sunshine_keys.cli.demo import run_demo

    run_demo()
