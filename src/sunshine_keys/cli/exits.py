"""Exit codes, and the messages for API calls that fail."""

from __future__ import annotations

import re
import socket
import ssl
import sys
from enum import IntEnum
from typing import NoReturn

from sunshine_conversations_client import exceptions
from sunshine_conversations_client._repetition import is_vendors
from sunshine_keys.access.scopes import Scope
from sunshine_keys.cli.terminal import wrapped

_PYTHON = re.compile(r"^(?:\w+: |\w+\([^)]*\): )+")
"""Names of exceptions and reprs at the beginning of a message."""


class Exit(IntEnum):
    """An exit code. Codes are stable, because scripts depend on them. docs/cli.md prints `description`."""

    description: str

    def __new__(cls, value: int, description: str) -> Exit:
        member = int.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    DONE = 0, "The command did what you asked."
    FAILED = (
        1,
        "It failed, was refused, or did only a part; `scan` found or left secrets; `check` found a key that is not live; `doctor` found a cause; you pressed Ctrl-C.",
    )
    USAGE = (
        2,
        "The command, an option or a setting is invalid, and nothing was sent; `scan` found nothing, but could not read all.",
    )
    NOT_FOUND = 3, "There is no such object; `check` found a secret that is malformed or unknown."
    NOT_AUTHORISED = 4, "The credentials are missing, were refused, or do not allow this."
    NO_CONTACT = 5, "The service did not answer."
    TRY_AGAIN = 6, "The service cannot do it now: a rate limit, an overload or a failure."


def stop(code: Exit, *lines: str) -> NoReturn:
    """End the program with `code`. The first line says what happened, the others what to do next."""
    complain(*lines)
    sys.exit(int(code))


def complain(*lines: str) -> None:
    """Print lines on standard error, the first one after the program's name."""
    first, *others = map(printable, lines)
    print("\n".join([wrapped(f"sunshine-keys: {first}"), *(wrapped(line, "  ") for line in others)]), file=sys.stderr)


def explain(error: exceptions.ApiException, host: str, scope: Scope | None = None) -> tuple[Exit, list[str]]:
    """Return the exit code of a failed call, and lines that say what happened and what to do next.

    `scope` is that of the key that made the call; None if it is unknown.
    """
    match error:
        case exceptions.ApiArgumentError():
            return Exit.USAGE, [printable(str(error.reason))]
        case exceptions.ApiConnectionError():
            return Exit.NO_CONTACT, [
                f"{host} did not answer: {printable(connection_fault(error))}",
                "Check that the service runs and that the URL is right. `sunshine-keys profiles` shows the saved hosts.",
            ]
        case exceptions.ApiDecodeError():
            return Exit.FAILED, [f"{host} did not answer as this API does. Check that this is the service's URL"]
        case _:
            code, advice = _advice(error, host, scope)
            return code, [*_titles(error), *advice, *_request(error)]


def connection_fault(error: exceptions.ApiException) -> str:
    """Return in words why a connection failed: the innermost cause says it best."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        inner = getattr(cause, "reason", None)
        cause = cause.__cause__ or cause.__context__ or (inner if isinstance(inner, BaseException) else None)
    for cause in reversed(causes):
        match cause:
            case socket.gaierror():
                return "no such host name is known"
            case ConnectionRefusedError():
                return "the connection was refused, so nothing listens there"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted ({cause.verify_message})"
            case ssl.SSLError():
                return "it does not speak TLS there; perhaps the URL should begin with http"
            case exceptions.ApiTimeoutError() | TimeoutError():
                return "it took too long"
            case ConnectionError():
                return "it closed the connection without an answer"
            case OSError() if cause.strerror:
                return cause.strerror[0].lower() + cause.strerror[1:]
            case _:
                continue
    return _PYTHON.sub("", str(getattr(error, "reason", "") or "it closed the connection without an answer"))


def _advice(error: exceptions.ApiException, host: str, scope: Scope | None) -> tuple[Exit, list[str]]:
    match error.status:
        case 401:
            advice = ["Check the key's id and its secret, and that the key was not deleted."]
            if error.request_id and not is_vendors(host):
                advice.append(
                    "The service's operator can find the cause: "
                    f"sunshine-keys doctor {printable(error.request_id)} --data FOLDER"
                )
            return Exit.NOT_AUTHORISED, advice
        case 403:
            return Exit.NOT_AUTHORISED, [_FORBIDDEN[scope], "`sunshine-keys whoami` shows the key in use."]
        case 404:
            return Exit.NOT_FOUND, [
                "Use the command `list` to see what exists. `sunshine-keys whoami` shows the service in use."
            ]
        case 409:
            return Exit.FAILED, []
        case 429:
            after = None if error.headers is None else error.headers.get("retry-after")
            plural = "" if after == "1" else "s"
            return Exit.TRY_AGAIN, [f"Try again in {printable(after)} second{plural}." if after else "Try again later."]
        case int(status) if status >= 500:
            return Exit.TRY_AGAIN, ["Try again. The service may have done it all the same."]
        case _:
            return Exit.FAILED, []


_FORBIDDEN = {
    Scope.INTEGRATION: "An integration's key (int_…) manages only the webhooks of its own integration. For the rest, use the key of"
    " its app (app_…).",
    Scope.APP: "An app's key (app_…) manages neither apps nor the app's own keys. For the keys of an integration, add"
    " --integration; `sunshine-keys integrations list` shows the ids. For the rest, use an account key (act_…).",
    Scope.ACCOUNT: "The key is valid, but does not allow this.",
    None: "The key is valid, but does not allow this. Apps and their own keys (those without --integration) need an account key"
    " (act_…); an integration's keys need a key of its app (app_…).",
}
"""The advice after a 403, by the scope of the key."""


def _titles(error: exceptions.ApiException) -> list[str]:
    errors = getattr(error.data, "errors", None)
    titles = [str(getattr(item, "title", "")) for item in errors] if isinstance(errors, list) else []
    first, *others = [printable(title) for title in titles if title] or [printable(error.reason or "refused")]
    return [f"{error.status} {first}", *others]


def _request(error: exceptions.ApiException) -> list[str]:
    return [f"The request's id is {printable(error.request_id)}."] if error.request_id else []


def printable(text: str) -> str:
    """Replace control characters, which a terminal would obey: names and titles may come from anybody."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
