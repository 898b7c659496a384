"""The client of a command: its service and its key, from an option, the environment or a profile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import typer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._operations import is_loopback
from sunshine_conversations_client.configuration import HOST_VARIABLE
from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.cli.exits import Exit, explain, stop
from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.resources import checked

_CREDENTIALS = tuple(f"SUNSHINE_CONVERSATIONS_{name}" for name in ("BEARER_TOKEN", "KEY_ID", "SECRET"))


class Session:
    """A client, the source of its credentials, and what the service says about its key."""

    def __init__(self, client: sunshine.ApiClient, source: str) -> None:
        """`source` says in messages where the credentials come from."""
        self.client = client
        self.source = source
        self._app: Any = None

    @property
    def host(self) -> str:
        return self.client.configuration.host

    @property
    def key_id(self) -> str | None:
        return self.client.configuration.key_id

    @property
    def scope(self) -> Scope | None:
        """The scope by the prefix of the key's id; None for an id of another form."""
        return next((scope for scope, prefix in ID_PREFIX.items() if (self.key_id or "").startswith(prefix)), None)

    def own_app(self) -> Any:
        """Return the key's app. Raises ApiException: ForbiddenException for an account key."""
        if self._app is None:
            self._app = checked(sunshine.OAuthEndpointsApi(self.client).get_token_info().app)
        return self._app

    def own(self, method: str, path: str, ids: dict[str, str], body: Any = None, **query: Any) -> Any:
        """Return the answer of an operation that only this service has, as plain JSON. Raises ApiException.

        `path` is a template below `/sunshine/v1`. Parameters of the query that are None are left out.
        """
        query = {name: value for name, value in query.items() if value is not None}
        return self._plain(method, f"/sunshine/v1{path}", ids, query, body)

    def simulate(self, path: str, ids: dict[str, str], body: dict[str, Any]) -> Any:
        """Act for a person, and return the answer as plain JSON. Raises ApiException.

        `path` is a template below `/simulator/v1`.
        """
        return self._plain("POST", f"/simulator/v1{path}", ids, {}, body)

    def _plain(self, method: str, path: str, ids: dict[str, str], query: dict[str, Any], body: Any) -> Any:
        client = self.client
        headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": "application/json"})
        request = client.param_serialize(
            method, path, ids, query, headers, body, auth_settings=["basicAuth", "bearerAuth"]
        )
        return client.response_deserialize(client.call_api(*request), {"2XX": "object"}).data

    def app_id(self, named: str | None) -> str:
        """Return the named app, else the key's own. End the program if there is neither."""
        if named:
            return named
        with contextlib.suppress(sunshine.ForbiddenException):  # An account key has no app.
            return str(self.own_app().id)
        return stop(
            Exit.USAGE,
            "the app is missing: with an account key, add --app or set SUNSHINE_KEYS_APP",
            "To see the apps: sunshine-keys apps list",
        )


@contextlib.contextmanager
def session(context: typer.Context, profile: str | None) -> Generator[Session]:
    """Yield a session for a command whose option --profile is `profile`.

    A profile on the command line takes precedence over the environment, the environment over other profiles. Their
    settings are never mixed.
    """
    with contact(*_settings(profile, by_option=is_typed(context, "profile"))) as opened:
        yield opened


@contextlib.contextmanager
def contact(settings: dict[str, Any], source: str) -> Generator[Session]:
    """Yield a session with these settings of the client. End the program if a call fails."""
    try:
        configuration = sunshine.Configuration(**settings)
    except sunshine.ApiArgumentError as error:
        stop(Exit.USAGE, str(error))
    if configuration.access_token is None and not (configuration.key_id and configuration.secret):
        stop(Exit.USAGE, "set both SUNSHINE_CONVERSATIONS_KEY_ID and SUNSHINE_CONVERSATIONS_SECRET, or neither")
    require_private(configuration.host)
    opened: Session | None = None
    try:
        with sunshine.ApiClient(configuration) as client:
            opened = Session(client, source)
            yield opened
    except sunshine.ApiException as error:
        code, lines = explain(error, configuration.host, None if opened is None else opened.scope)
        stop(code, *lines)


def require_private(host: str) -> None:
    """End the program for plain HTTP to another machine. The client refuses it too, but names an argument of its own."""
    parts = urlsplit(host)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        stop(
            Exit.USAGE,
            f"nothing was sent: plain http to {parts.hostname} would expose the credentials",
            "Use https. On the machine of the service you may use http://127.0.0.1:PORT.",
        )


def own_key(context: typer.Context, profile: str | None) -> tuple[str, str]:
    """Return the id and the secret of the key that a session of this command would use. End the program without one."""
    settings, source = _settings(profile, by_option=is_typed(context, "profile"))
    configuration = sunshine.Configuration(**settings)
    if not (configuration.key_id and configuration.secret):
        stop(Exit.USAGE, f"{source} has no key with a secret", "Name a KEY_ID, or a profile with --profile.")
    return configuration.key_id, configuration.secret


def is_typed(context: typer.Context, option: str) -> bool:
    """Return True if the option is on the command line, and not from the environment."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _settings(name: str | None, *, by_option: bool) -> tuple[dict[str, Any], str]:
    in_environment = any(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in _CREDENTIALS)
    if in_environment and not by_option:
        return {}, "the environment"
    saved = profiles.load()
    name = name or saved.current
    if name is None:
        stop(
            Exit.NOT_AUTHORISED,
            "credentials are missing: log in, or set SUNSHINE_CONVERSATIONS_KEY_ID and SUNSHINE_CONVERSATIONS_SECRET",
            "For example: sunshine-keys login --host http://127.0.0.1:8080",
        )
    profile = profiles.find(saved, name)
    host = os.environ.get(HOST_VARIABLE)
    if host and not by_option and host.rstrip("/") != profile.host:
        stop(
            Exit.USAGE,
            f"{HOST_VARIABLE} is {host}, but profile {name} is for {profile.host}, and its key is sent nowhere else",
            "Also set SUNSHINE_CONVERSATIONS_KEY_ID and SUNSHINE_CONVERSATIONS_SECRET, or add --profile.",
        )
    secret = profiles.secret_of(name, profile)
    return {"host": profile.host, "key_id": profile.key_id, "secret": secret}, f"profile {name}"
