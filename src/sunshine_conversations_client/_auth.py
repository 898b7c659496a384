"""Which credentials a request carries."""

from __future__ import annotations

from sunshine_conversations_client.exceptions import ApiArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Headers
    from sunshine_conversations_client.configuration import Configuration


def apply_configured(configuration: Configuration, headers: Headers) -> None:
    """Bearer where there is a token, else Basic where there are a username and a password.

    A call's own Authorization header is left as it is.
    """
    if "authorization" in headers:
        return
    if configuration.access_token is not None:
        headers["Authorization"] = f"Bearer {configuration.access_token}"
    elif configuration.username is not None and configuration.password is not None:
        headers["Authorization"] = configuration.get_basic_auth_token()


def apply_given(auth: dict[str, Any], headers: Headers, query: list[tuple[str, str]]) -> None:
    """A call's `_request_auth`: {"in": "header" | "query" | "cookie", "key": name, "value": value, "type": any}.

    Raises ApiArgumentError for another `in` or a missing key.
    """
    try:
        place, name, value = auth["in"], auth["key"], auth["value"]
    except (KeyError, TypeError):
        raise ApiArgumentError("_request_auth should be a dict with the keys in, type, key and value") from None
    if place == "header":
        headers[name] = value
    elif place == "query":
        query.append((name, value))
    elif place == "cookie":
        cookie = f"{name}={value}"
        headers["Cookie"] = f"{headers['Cookie']}; {cookie}" if "Cookie" in headers else cookie
    else:
        raise ApiArgumentError("_request_auth['in'] should be header, query or cookie")
