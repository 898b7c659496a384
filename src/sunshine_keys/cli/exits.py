"""Exit codes, and what a refused or failed call means to whoever typed the command."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import NoReturn

from sunshine_conversations_client import exceptions


class Exit(IntEnum):
    """Stable: scripts go by them. `told` is what docs/cli.md says of each."""

    told: str

    def __new__(cls, value: int, told: str) -> Exit:
        member = int.__new__(cls, value)
        member._value_ = value
        member.told = told
        return member

    DONE = 0, "It was done."
    FAILED = 1, "It was refused or failed, or not all of it was done; `scan` found secrets; `doctor` found a cause."
    USAGE = 2, "The command, an option or a setting is wrong; nothing was sent."
    NOT_FOUND = 3, "The service does not have it."
    NOT_AUTHORISED = 4, "The credentials were refused or may not do it, or there are none."
    NO_CONTACT = 5, "No answer came from the service."
    TRY_AGAIN = 6, "The service cannot do it now: it is limited, busy or failing."


def stop(code: Exit, *lines: str) -> NoReturn:
    """End with `code`; the first line says what happened, the others what to do."""
    complain(*lines)
    sys.exit(int(code))


def complain(*lines: str) -> None:
    first, *others = map(printable, lines)
    print("\n".join([f"sunshine-keys: {first}", *(f"  {line}" for line in others)]), file=sys.stderr)


def explain(error: exceptions.ApiException, host: str) -> tuple[Exit, list[str]]:
    """The exit code of a failed call, what happened, and what to do next."""
    match error:
        case exceptions.ApiArgumentError():
            return Exit.USAGE, [printable(str(error.reason))]
        case exceptions.ApiConnectionError():
            return Exit.NO_CONTACT, [
                f"no answer from {host}: {printable(str(error.reason))}",
                "Is the service running, and is that its URL? `sunshine-keys profiles` shows the hosts there are.",
            ]
        case exceptions.ApiDecodeError():
            return Exit.FAILED, [f"{host} answered something else than this API does: is that the service's URL?"]
        case _:
            code, advice = _advice(error)
            return code, [*_titles(error), *advice, *_request(error)]


def _advice(error: exceptions.ApiException) -> tuple[Exit, list[str]]:
    match error.status:
        case 401:
            return Exit.NOT_AUTHORISED, [
                "Sign in with a key that is good: sunshine-keys login. Who runs the service learns the cause by",
                f"`sunshine-keys doctor {printable(error.request_id or 'REQUEST_ID')}`.",
            ]
        case 403:
            return Exit.NOT_AUTHORISED, [
                "The key is good, and may not do this: apps and their own keys, which are those without --integration,",
                "need the account's key (act_…), an integration's keys its app's (app_…). `sunshine-keys whoami` shows",
                "the key that was used.",
            ]
        case 404:
            return Exit.NOT_FOUND, [
                "See what there is by the command `list`; `sunshine-keys whoami` shows the service."
            ]
        case 409:
            return Exit.FAILED, []
        case 429:
            after = None if error.headers is None else error.headers.get("retry-after")
            return Exit.TRY_AGAIN, [f"Try again in {printable(after)} seconds." if after else "Try again later."]
        case int(status) if status >= 500:
            return Exit.TRY_AGAIN, ["Try again; what was asked for may have been done."]
        case _:
            return Exit.FAILED, []


def _titles(error: exceptions.ApiException) -> list[str]:
    listed = getattr(error.data, "errors", None)
    titles = [str(getattr(each, "title", "")) for each in listed] if isinstance(listed, list) else []
    told = [printable(title) for title in titles if title] or [printable(error.reason or "refused")]
    return [f"{error.status} {told[0]}", *told[1:]]


def _request(error: exceptions.ApiException) -> list[str]:
    return [f"The request's id is {printable(error.request_id)}."] if error.request_id else []


def printable(text: str) -> str:
    """Without what a terminal might obey: names and titles come from anywhere."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
