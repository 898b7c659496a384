"""Write docs/errors.md from the classes of errors. With --check, fail if the file would change."""

from __future__ import annotations

from pages import keep, table

from sunshine_conversations_client import exceptions
from sunshine_keys.errors import kinds

INTRODUCTION = """\
# Errors

<!-- Written by scripts/generate_errors_reference.py. Edit that file, not this one. -->

Every answer other than 2xx is `{"errors": [{"code": "…", "title": "…"}]}`. Only a 400 holds several errors. Let programs
decide by the status and the code; titles are for people and may change. The client raises an exception of the class in the
last column, with `status`, `code`, `title` and `request_id`.

"""

REST = """
The service sends these errors before it has a whole request, and then closes the connection:

- 400 `bad_request`: the bytes are not HTTP/1.1, or the head is larger than 64 kB.
- 408 `request_timeout`: the request did not arrive within 30 seconds.
- 503 `service_unavailable`: there are too many connections.

A failure of the service itself is 500 `internal_server_error`. The service logs its cause with the id of the request.

## What to do

| status | |
|---|---|
| 400 | Correct everything that the titles name. Nothing was changed. |
| 401 | Check the credentials. The answer contains no details, because a stranger would read them too. If you operate the service, pass the `X-Request-Id` to [`sunshine-keys doctor`](service.md#commands) to get the cause. |
| 403 | Use a key whose scope allows the operation ([Authentication](authentication.md#scopes)), and that belongs to this app and integration. |
| 404 | List what exists. After a DELETE, this may mean that an earlier DELETE succeeded. |
| 409 | Use another `Idempotency-Key`. This one belongs to another request. |
| 413, 415 | Send a smaller body, or `Content-Type: application/json`. |
| 429, 503 | Wait as long as `Retry-After` says, then try again. The client does this itself if a repetition is safe; a create with an `Idempotency-Key` always is. |

## Without an answer

The client raises `ApiConnectionError` if there is no answer, and `ApiTimeoutError` if the answer is too late. Both have
`maybe_sent`: true if the service may have received the request ([Creates](client.md#creates)). `ApiArgumentError` means
that nothing was sent. `ApiDecodeError` means that a 2xx did not hold the expected answer.
"""


def reference() -> str:
    rows = [
        [f"{kind.status} `{kind.code}`", f"*{kind.title}.* {kind.__doc__}", f"`{raised(kind.status)}`"]
        for kind in kinds()
    ]
    return INTRODUCTION + table(["answer", "title and meaning", "exception"], rows) + REST


def raised(status: int) -> str:
    return exceptions._class_of(status, exceptions.ApiException).__name__


if __name__ == "__main__":
    keep("errors.md", reference())
