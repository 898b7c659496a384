"""Which credentials a request carries."""

from __future__ import annotations

from sunshine_conversations_client.exceptions import ApiArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sunshine_conversations_client._messages import Headers
    from sunshine_conversations_client.configuration import Configuration


SCHEMES = ("basicAuth", "bearerAuth")


def apply_configured(configuration: Configuration, headers: Headers, schemes: Sequence[str] = SCHEMES) -> None:
    """Bearer where there is a token, else Basic where there are a username and a password.

    A call's own Authorization header is left as it is. Raises ApiArgumentError for credentials that are no text.
    """
    if "authorization" in headers:
        return
    token, username, password = configuration.access_token, configuration.username, configuration.password
    if token is not None and "bearerAuth" in schemes:
        if not isinstance(token, str):
            raise ApiArgumentError(f"access_token should be a string, not {type(token).__name__}")
        headers["Authorization"] = f"Bearer {token.strip()}"  # a token from a file may end in a newline
    elif username is not None and password is not None and "basicAuth" in schemes:
        try:
            headers["Authorization"] = configuration.get_basic_auth_token()
        except UnicodeEncodeError:
            raise ApiArgumentError("username and password should be text that UTF-8 can hold") from None


def apply_given(auth: dict[str, Any], headers: Headers, query: list[tuple[str, str]]) -> None:
    """A call's `_request_auth`: {"in": "header" | "query" | "cookie", "key": name, "value": value, "type": any}.

    Raises ApiArgumentError for another `in` or a missing key.
    """
    try:
        place, name, value = auth["in"], auth["key"], auth["value"]
    except (KeyError, TypeError):
        raise ApiArgumentError("_request_auth should be a dict with the keys in, type, key and value") from None
    if not isinstance(name, str) or not isinstance(value, str):
        raise ApiArgumentError("_request_auth['key'] and _request_auth['value'] should be strings")
    if place == "header":
        headers[name] = value
    elif place == "query":
        query.append((name, value))
    elif place == "cookie":
        cookie = f"{name}={value}"
        headers["Cookie"] = f"{headers['Cookie']}; {cookie}" if "Cookie" in headers else cookie
    else:
        raise ApiArgumentError("_request_auth['in'] should be header, query or cookie")
