"""The client of a command: which service by which key, from an option, the environment or a profile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import typer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._operations import is_loopback
from sunshine_conversations_client.configuration import DEFAULT_HOST, HOST_VARIABLE
from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.cli.exits import Exit, explain, stop
from sunshine_keys.cli.remote import profiles
from sunshine_keys.cli.remote.resources import checked

PROFILE_VARIABLE = "SUNSHINE_KEYS_PROFILE"
_CREDENTIALS = tuple(f"SUNSHINE_CONVERSATIONS_{name}" for name in ("BEARER_TOKEN", "KEY_ID", "SECRET"))


class Session:
    """A client, what it is for, and what the key tells of itself."""

    def __init__(self, client: sunshine.ApiClient, source: str) -> None:
        """`source` says where the credentials are from."""
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
        """By the key's id, which every key of this service has in the published form."""
        return next((scope for scope, prefix in ID_PREFIX.items() if (self.key_id or "").startswith(prefix)), None)

    def own_app(self) -> Any:
        """The app that the key is for. Raises ApiException; ForbiddenException for an account's key."""
        if self._app is None:
            self._app = checked(sunshine.OAuthEndpointsApi(self.client).get_token_info().app)
        return self._app

    def app_id(self, given: str | None) -> str:
        """The app that is named, else the key's own."""
        if given:
            return given
        with contextlib.suppress(sunshine.ForbiddenException):  # an account's key has none
            return str(self.own_app().id)
        return stop(
            Exit.USAGE,
            "the account's key is for all apps: name one by --app (or SUNSHINE_KEYS_APP)",
            "See which there are: sunshine-keys apps list",
        )


@contextlib.contextmanager
def session(context: typer.Context, profile: str | None) -> Generator[Session]:
    """Of a command, whose option --profile is `profile`; one that was typed wins over the environment, which wins over
    other profiles. They are never mixed."""
    with contact(*_settings(profile, by_option=_is_typed(context))) as made:
        yield made


@contextlib.contextmanager
def contact(settings: dict[str, Any], source: str) -> Generator[Session]:
    """A session by these settings of the client; ends the program where a call fails."""
    try:
        configuration = sunshine.Configuration(**settings)
    except sunshine.ApiArgumentError as error:
        stop(Exit.USAGE, str(error))
    if configuration.access_token is None and not (configuration.key_id and configuration.secret):
        stop(Exit.USAGE, "set SUNSHINE_CONVERSATIONS_KEY_ID and SUNSHINE_CONVERSATIONS_SECRET, both or none")
    _require_private(configuration.host)
    try:
        with sunshine.ApiClient(configuration) as client:
            yield Session(client, source)
    except sunshine.ApiException as error:
        code, lines = explain(error, configuration.host)
        stop(code, *lines)


def _require_private(host: str) -> None:
    """The client refuses it, too, but names an argument that no command has."""
    parts = urlsplit(host)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        stop(
            Exit.USAGE,
            f"credentials should not go to {parts.hostname} over plain http",
            "Use https. On the service's own machine it is reached by http://127.0.0.1:PORT, too.",
        )


def _is_typed(context: typer.Context) -> bool:
    """Whether --profile was typed, and is not from the environment."""
    source = context.get_parameter_source("profile")
    return source is not None and source.name == "COMMANDLINE"


def _settings(name: str | None, *, by_option: bool) -> tuple[dict[str, Any], str]:
    given = any(os.environ.get(each) or os.environ.get(f"{each}_FILE") for each in _CREDENTIALS)
    if given and not by_option:
        return {}, "the environment"
    kept = profiles.load()
    name = name or kept.current
    if name is None:
        stop(
            Exit.NOT_AUTHORISED,
            "no credentials: log in, or set SUNSHINE_CONVERSATIONS_KEY_ID and SUNSHINE_CONVERSATIONS_SECRET",
            "For example: sunshine-keys login --host http://127.0.0.1:8080 act_…",
        )
    profile = profiles.find(kept, name)
    host = os.environ.get(HOST_VARIABLE)
    if host and not by_option and host.rstrip("/") != profile.host:
        stop(
            Exit.USAGE,
            f"{HOST_VARIABLE} is {host}, but the key of profile {name} is for {profile.host}, and goes nowhere else",
            "Set SUNSHINE_CONVERSATIONS_KEY_ID and SUNSHINE_CONVERSATIONS_SECRET, too, or name a --profile.",
        )
    secret = profiles.secret_of(name, profile)
    return {"host": profile.host, "key_id": profile.key_id, "secret": secret}, f"profile {name}"


def default_host() -> str:
    return os.environ.get(HOST_VARIABLE) or DEFAULT_HOST
