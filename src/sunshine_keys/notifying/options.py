"""What an operator can set about notifications: the target, the body, and the secrets that sign requests."""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

_URL = "SUNSHINE_KEYS_NOTIFY"
_COMMAND = "SUNSHINE_KEYS_NOTIFY_COMMAND"
_BODY = "SUNSHINE_KEYS_NOTIFY_BODY"
_SECRET = "SUNSHINE_KEYS_NOTIFY_SECRET"  # noqa: S105 - the variable's name
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
_SECRET_BYTES = range(24, 65)
"""The lengths of a secret that Standard Webhooks allows."""


class Body(StrEnum):
    """What a target receives: the `event`, or only a `text`, which chats accept."""

    EVENT = "event"
    TEXT = "text"


class Notifications(msgspec.Struct, frozen=True):
    """The target of notifications: a `url`, or a `command` with its arguments.

    `secrets` sign requests, each as Standard Webhooks describes it; during a change of the secret there are two.
    """

    url: str = ""
    command: str = ""
    body: Body = Body.EVENT
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Notifications()"

    @classmethod
    def from_environment(
        cls, variables: Mapping[str, str], url: str | None = None, command: str | None = None, body: Body | None = None
    ) -> Notifications | None:
        """Return the settings; None if neither arguments nor variables name a target. Raises ValueError.

        A `url` or a `command` replaces the target of the variables. SUNSHINE_KEYS_NOTIFY_FILE may hold the URL, and
        SUNSHINE_KEYS_NOTIFY_SECRET, or the file that …_SECRET_FILE names, the secrets, with white space between them.
        """
        if not url and not command:
            url, command = _variable(variables, _URL, "URL"), variables.get(_COMMAND)
        try:
            body = body or Body(variables.get(_BODY) or Body.EVENT)
        except ValueError:
            raise ValueError(f"{_BODY} should be event or text") from None
        secrets = tuple((_variable(variables, _SECRET, "secret") or "").split())
        if not url and not command:
            return None
        settings = cls(url or "", command or "", body, secrets)
        settings.check()
        return settings

    def check(self) -> None:
        """Raise ValueError, with a message of one line, if these settings cannot be used."""
        if self.url and self.command:
            raise ValueError("name one target of notifications: either --notify or --notify-command")
        if self.url:
            try:
                parts = urlsplit(self.url)
                is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            except ValueError:
                is_url = False
            if not is_url or not self.url.isascii() or any(part.isspace() for part in self.url):
                raise ValueError("--notify should be a URL that begins with https:// or http://")
        else:
            try:
                words = shlex.split(self.command)
            except ValueError as error:
                raise ValueError(f"--notify-command cannot be split into words: {error}") from None
            if not words:
                raise ValueError("--notify-command is empty")
        for secret in self.secrets:
            _decoded(secret)

    @property
    def place(self) -> str:
        """The target in messages, without parts of a URL that may be secret."""
        if self.command:
            return f"the command {shlex.split(self.command)[0]}"
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")

    @property
    def signing_keys(self) -> list[bytes]:
        return [_decoded(secret) for secret in self.secrets]

    def environment(self) -> dict[str, str]:
        """Return the variables that workers need. They read the secrets from where this process did."""
        return {_URL: self.url, _COMMAND: self.command, _BODY: self.body.value}


def _variable(variables: Mapping[str, str], name: str, content: str) -> str | None:
    """Return a variable's value or, if it is not set, the content of the file that …_FILE names. Raises ValueError."""
    value, file = variables.get(name), variables.get(f"{name}_FILE")
    if value or not file:
        return value
    try:
        value = Path(file).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ValueError(f"cannot read the {content} of notifications in {file}: {reason}") from None
    if not value:
        raise ValueError(f"the file {file}, which should hold the {content} of notifications, is empty")
    return value


def _decoded(secret: str) -> bytes:
    try:
        if secret.startswith(_SECRET_PREFIX):
            key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
            if len(key) in _SECRET_BYTES:
                return key
    except binascii.Error:
        pass
    raise ValueError(
        "the secret of notifications should be whsec_ and 24 to 64 bytes in base64. Make one: "
        'echo "whsec_$(openssl rand -base64 32)"'
    )
