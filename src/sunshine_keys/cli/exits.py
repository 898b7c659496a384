"""Exit codes, and the messages for API calls that fail."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import NoReturn

from sunshine_conversations_client import exceptions


class Exit(IntEnum):
    """An exit code. Codes are stable, because scripts depend on them. docs/cli.md prints `description`."""

    description: str

    def __new__(cls, value: int, description: str) -> Exit:
        member = int.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    DONE = 0, "The command did what you asked."
    FAILED = 1, "It failed, was refused, or did only a part; `scan` found secrets; `doctor` found a cause."
    USAGE = 2, "The command, an option or a setting is invalid; nothing was sent."
    NOT_FOUND = 3, "The service has no such object."
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
    print("\n".join([f"sunshine-keys: {first}", *(f"  {line}" for line in others)]), file=sys.stderr)


def explain(error: exceptions.ApiException, host: str) -> tuple[Exit, list[str]]:
    """Return the exit code of a failed call, and lines that say what happened and what to do next."""
    match error:
        case exceptions.ApiArgumentError():
            return Exit.USAGE, [printable(str(error.reason))]
        case exceptions.ApiConnectionError():
            return Exit.NO_CONTACT, [
                f"{host} did not answer: {printable(str(error.reason))}",
                "Check that the service runs and that the URL is right. `sunshine-keys profiles` shows the saved hosts.",
            ]
        case exceptions.ApiDecodeError():
            return Exit.FAILED, [f"{host} did not answer as this API does. Check that this is the service's URL"]
        case _:
            code, advice = _advice(error)
            return code, [*_titles(error), *advice, *_request(error)]


def _advice(error: exceptions.ApiException) -> tuple[Exit, list[str]]:
    match error.status:
        case 401:
            return Exit.NOT_AUTHORISED, [
                "Log in with a valid key: sunshine-keys login. The service's operator can find the cause with",
                f"`sunshine-keys doctor {printable(error.request_id or 'REQUEST_ID')}`.",
            ]
        case 403:
            return Exit.NOT_AUTHORISED, [
                "The key is valid, but does not allow this. Apps and their own keys (those without --integration) need",
                "an account key (act_…); an integration's keys need a key of its app (app_…). `sunshine-keys whoami`",
                "shows the key in use.",
            ]
        case 404:
            return Exit.NOT_FOUND, [
                "Use the command `list` to see what exists. `sunshine-keys whoami` shows the service in use."
            ]
        case 409:
            return Exit.FAILED, []
        case 429:
            after = None if error.headers is None else error.headers.get("retry-after")
            return Exit.TRY_AGAIN, [f"Try again in {printable(after)} seconds." if after else "Try again later."]
        case int(status) if status >= 500:
            return Exit.TRY_AGAIN, ["Try again. The service may have done it all the same."]
        case _:
            return Exit.FAILED, []


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
