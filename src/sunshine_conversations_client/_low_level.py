"""The lower-level methods of the official client, for code that does not use the API classes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from sunshine_conversations_client import _auth, _flow
from sunshine_conversations_client._encoding import fill_path, json_bytes, query_string
from sunshine_conversations_client._messages import Headers, Request
from sunshine_conversations_client._model import Model
from sunshine_conversations_client._operations import (
    Operation,
    base_url,
    policy_of,
    require_private,
    require_success,
    timeout_of,
)
from sunshine_conversations_client._repetition import is_done_once
from sunshine_conversations_client._rest import RESTResponse, response_of
from sunshine_conversations_client.api_response import ApiResponse
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, ClassVar, TypeVar

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Response
    from sunshine_conversations_client.configuration import Configuration

    T = TypeVar("T")

_DELIMITERS = {"ssv": " ", "tsv": "\t", "pipes": "|"}


class LowLevelMethods:
    """Mixin of `ApiClient`: prepare a request, send it, and decode its response in three steps."""

    PRIMITIVE_TYPES = (float, bool, bytes, str, int)
    NATIVE_TYPES_MAPPING: ClassVar[dict[str, Any]] = {"int": int, "long": int, "float": float, "str": str, "bool": bool}

    configuration: Configuration
    default_headers: dict[str, str]
    cookie: str | None
    _signer: _auth.Signer

    def _run(self, flow: Generator[Command, Response | None, T]) -> T:
        raise NotImplementedError

    def param_serialize(
        self,
        method: str,
        resource_path: str,
        path_params: dict[str, Any] | None = None,
        query_params: Any = None,
        header_params: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        files: Any = None,
        auth_settings: list[str] | None = None,
        collection_formats: dict[str, str] | None = None,
        _host: str | None = None,
        _request_auth: dict[str, Any] | None = None,
    ) -> tuple[str, str, dict[str, str], Any, Any]:
        """Return the method, URL, headers, body and form of a request, as `call_api` takes them. The form is None.

        `auth_settings` names the schemes to use: "basicAuth", "bearerAuth". Raises ApiArgumentError for an id that would
        change the path, and for forms and files: the covered operations take JSON.
        """
        if post_params or files:
            raise ApiArgumentError("This operation takes no form and no files. Pass the data as `body`.")
        headers = Headers((header_params or {}).items())
        for name, value in self.default_headers.items():
            headers[name] = value
        if self.cookie:
            headers["Cookie"] = self.cookie
        query = self.parameters_to_tuples(query_params or [], collection_formats)
        if _request_auth:
            _auth.apply_request_auth(_request_auth, headers, query)
        elif auth_settings:
            _auth.apply_configured(
                self.configuration, headers, auth_settings, query=query, signer=self._signer, now=time.time()
            )
        path = fill_path(resource_path, path_params or {}, self.configuration.safe_chars_for_path_param)
        url = (_host.rstrip("/") if _host else base_url(self.configuration)) + path + query_string(query)
        return method, url, dict(headers), None if body is None else self.sanitize_for_serialization(body), None

    def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> RESTResponse:
        """Send a request with the same retries and redirects as any call. Return the response, of any status.

        `_request_timeout` is seconds for the whole call, a pair (connect, read), or None for no limit. Raises
        ApiConnectionError if no answer arrives, and ApiArgumentError for credentials over plain http.
        """
        headers = Headers((header_params or {}).items())
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else json_bytes(body)
            if "content-type" not in headers:
                headers["Content-Type"] = "application/json"
        if "authorization" in headers or "cookie" in headers:
            require_private(url, self.configuration)
        done_once = is_done_once(method, url, caller_set_key="idempotency-key" in headers)
        request = Request(method, url, headers, content, done_once=done_once)
        return RESTResponse(
            self._run(_flow.exchange(request, policy_of(self.configuration, timeout_of(_request_timeout))))
        )

    def response_deserialize(
        self, response_data: RESTResponse, response_types_map: dict[str, str] | None = None
    ) -> ApiResponse[Any]:
        """Decode a response as the model that `response_types_map` ({"200": "AppResponse", "2XX": …}) names.

        Raises the exception of a status other than 2xx, and ApiDecodeError if the body is not JSON.
        """
        response, types = response_of(response_data), response_types_map or {}
        require_success(response)
        type_name = types.get(str(response.status)) or types.get(f"{response.status // 100}XX")
        data: Any = None
        if type_name in ("bytearray", "bytes"):
            data = response.body
        elif type_name == "str":
            data = response.text()
        elif type_name is not None:
            plain = Operation[object]("", "", None).decode(response)
            data = _of_type(type_name, plain)
        return ApiResponse(response.status, response.headers, data=data, raw_data=response.body)

    def deserialize(self, response_text: str, response_type: str, content_type: str | None = None) -> Any:
        """Return JSON text as a value of `response_type`.

        The type is a name as in the official client: "ApiKey", "List[ApiKey]", "Dict[str, ApiKey]", "object", "str",
        "date" and so on. Raises ValueError if the text is not JSON or the type is unknown.
        """
        return response_text if response_type == "str" else _of_type(response_type, json.loads(response_text))

    def files_parameters(self, files: Any) -> list[Any]:
        """Return an empty list. Raises ApiArgumentError for any file: the covered operations take none."""
        if files:
            raise ApiArgumentError("This operation takes no files. Pass the data as `body`.")
        return []

    def sanitize_for_serialization(self, obj: Any) -> Any:
        """Return models, dates and containers as plain data that JSON can hold."""
        if isinstance(obj, Model):
            return obj.to_dict()
        if isinstance(obj, dict):
            return {name: self.sanitize_for_serialization(value) for name, value in obj.items()}
        if isinstance(obj, list | tuple | set):
            return [self.sanitize_for_serialization(item) for item in obj]
        if hasattr(obj, "isoformat"):
            return obj.isoformat()
        return obj

    def parameters_to_tuples(self, params: Any, collection_formats: dict[str, str] | None) -> list[tuple[str, str]]:
        """Return parameters as (name, text) pairs. A model or dictionary gives one pair `name[property]` for each property."""
        pairs: list[tuple[str, str]] = []
        for name, value in params.items() if isinstance(params, dict) else params:
            plain = self.sanitize_for_serialization(value)
            if isinstance(plain, dict):
                pairs += [(f"{name}[{key}]", _text(item)) for key, item in plain.items() if item is not None]
            elif isinstance(plain, list) and (collection_formats or {}).get(name) == "multi":
                pairs += [(name, _text(item)) for item in plain]
            elif isinstance(plain, list):
                delimiter = _DELIMITERS.get((collection_formats or {}).get(name, ""), ",")
                pairs.append((name, delimiter.join(_text(item) for item in plain)))
            elif plain is not None:
                pairs.append((name, _text(plain)))
        return pairs

    def parameters_to_url_query(self, params: Any, collection_formats: dict[str, str] | None) -> str:
        """Return parameters as a query string without its question mark."""
        return "&".join(
            f"{quote(name, safe='[]')}={quote(value)}"
            for name, value in self.parameters_to_tuples(params, collection_formats)
        )

    def select_header_accept(self, accepts: list[str]) -> str | None:
        """Return the first content type that is JSON, else the first one; None if the list is empty."""
        return next((kind for kind in accepts if "json" in kind.lower()), accepts[0] if accepts else None)

    def select_header_content_type(self, content_types: list[str]) -> str | None:
        """Return the first content type that is JSON, else the first one; None if the list is empty."""
        return self.select_header_accept(content_types)

    def update_params_for_auth(
        self,
        headers: dict[str, str],
        queries: list[tuple[str, str]],
        auth_settings: list[str] | None,
        resource_path: str,
        method: str,
        body: Any,
        request_auth: dict[str, Any] | None = None,
    ) -> None:
        """Add credentials to `headers` or `queries`: `request_auth` if you pass it, else the configured credentials."""
        updated = Headers(headers.items())
        if request_auth:
            _auth.apply_request_auth(request_auth, updated, queries)
        elif auth_settings:
            _auth.apply_configured(
                self.configuration, updated, auth_settings, query=queries, signer=self._signer, now=time.time()
            )
        headers.update(updated)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_type(name: str, data: Any) -> Any:
    """Return plain data as the type that the official package calls `name`."""
    if data is None or name == "object":
        return data
    container, bracket, inner = name.partition("[")
    if bracket and container in ("List", "list") and isinstance(data, list):
        return [_of_type(inner[:-1], item) for item in data]
    if bracket and container in ("Dict", "dict") and isinstance(data, dict):
        return {key: _of_type(inner[:-1].partition(",")[2].strip(), item) for key, item in data.items()}
    if name in ("date", "datetime"):
        import datetime as dt

        return getattr(dt, name).fromisoformat(data)
    if name in LowLevelMethods.NATIVE_TYPES_MAPPING:
        return LowLevelMethods.NATIVE_TYPES_MAPPING[name](data)
    from sunshine_conversations_client import models

    model = getattr(models, name, None)
    if not isinstance(model, type) or not issubclass(model, Model):
        raise ApiArgumentError(f"There is no model {name!r}. Use a name from sunshine_conversations_client.models.")
    return model.from_dict(data)
