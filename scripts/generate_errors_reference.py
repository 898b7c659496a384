"""Write docs/errors.md from the table of errors; with --check, fail where it is not what would be written."""

from __future__ import annotations

from pages import keep, table

from sunshine_conversations_client import exceptions
from sunshine_keys.errors import kinds

INTRODUCTION = """\
# Errors

<!-- Written by scripts/generate_errors_reference.py; change that, not this. -->

Every answer other than 2xx is `{"errors": [{"code": "…", "title": "…"}]}`, with several errors only in a 400. A program
goes by the status and the code: titles are for people, and may change. The client raises an exception of the class named
here, with `status`, `code`, `title` and `request_id`.

"""

REST = """
What cannot be read as a request has no class of its own: 400 `bad_request` for what is not HTTP/1.1 or has a head of over
64 kB, 408 `request_timeout` for a request that has not arrived within 30 seconds, 503 `service_unavailable` for a connection
too many. After each of these the connection closes. A failure of the service's own is 500 `internal_server_error`, and its
log has the cause under the request's id.

## What to do

| status | |
|---|---|
| 400 | Mend what the titles name, all of it: nothing was changed. |
| 401 | Look at the credentials. A stranger is told no more; whoever has the store is told the cause by [`sunshine-keys doctor`](service.md#commands), given the `X-Request-Id`. |
| 403 | Use a key of a scope that the operation is for ([Authentication](authentication.md#scopes)), or the right app and integration. |
| 404 | List what there is; a DELETE that is answered so may have been done before. |
| 409 | Use another `Idempotency-Key`: this one is of another request. |
| 413, 415 | Send less, or `Content-Type: application/json`. |
| 429, 503 | Wait as `Retry-After` says, and try again; the client does so by itself where that is safe. A create with its `Idempotency-Key` always is. |

## Without an answer

The client raises `ApiConnectionError`, or `ApiTimeoutError` for one that did not come in time; `maybe_sent` tells whether the
service may have done what was asked ([Creates](client.md#creates)). `ApiArgumentError` says that nothing was sent, and
`ApiDecodeError` that a 2xx held something else than the operation answers with.
"""


def reference() -> str:
    rows = [
        [f"{kind.status} `{kind.code}`", f"*{kind.title}.* {kind.__doc__}", f"`{raised(kind.status)}`"]
        for kind in kinds()
    ]
    return INTRODUCTION + table(["answer", "its title, and when", "raised"], rows) + REST


def raised(status: int) -> str:
    return exceptions._class_of(status, exceptions.ApiException).__name__


if __name__ == "__main__":
    keep("errors.md", reference())
