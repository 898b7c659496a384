"""The official client's lower-level methods, for code that calls the API without the API classes."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from sunshine_conversations_client import _auth, _flow
from sunshine_conversations_client._messages import Headers, Request
from sunshine_conversations_client._model import Model
from sunshine_conversations_client._operations import (
    Operation,
    base_url,
    json_bytes,
    path_of,
    policy_of,
    query_string,
    require_private,
    require_success,
    timeout_of,
)
from sunshine_conversations_client._repetition import is_done_once
from sunshine_conversations_client.api_response import ApiResponse
from sunshine_conversations_client.exceptions import ApiArgumentError
from sunshine_conversations_client.rest import RESTResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, ClassVar, TypeVar

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Response
    from sunshine_conversations_client.configuration import Configuration

    T = TypeVar("T")

_DELIMITERS = {"ssv": " ", "tsv": "\t", "pipes": "|"}


class LowLevelMethods:
    """Mixed into `ApiClient`."""

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
        """The method, URL, headers, body and form of a request, as `call_api` takes them.

        Raises ApiArgumentError for an id that would make another path, and for forms and files: the API takes JSON.
        """
        if post_params or files:
            raise ApiArgumentError("post_params and files should be empty: these operations take JSON")
        headers = Headers((header_params or {}).items())
        for name, value in self.default_headers.items():
            headers[name] = value
        if self.cookie:
            headers["Cookie"] = self.cookie
        query = self.parameters_to_tuples(query_params or [], collection_formats)
        if _request_auth:
            _auth.apply_given(_request_auth, headers, query)
        elif auth_settings:
            _auth.apply_configured(self.configuration, headers, auth_settings, signer=self._signer, now=time.time())
        path = path_of(
            Operation(method, resource_path, None), path_params or {}, self.configuration.safe_chars_for_path_param
        )
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
        """Send a request, with the retries and redirects of every other call. Raises ApiConnectionError."""
        headers = Headers((header_params or {}).items())
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else json_bytes(body)
            if "content-type" not in headers:
                headers["Content-Type"] = "application/json"
        if "authorization" in headers or "cookie" in headers:
            require_private(url, self.configuration)
        done_once = is_done_once(method, url, key_given="idempotency-key" in headers)
        request = Request(method, url, headers, content, done_once=done_once)
        return RESTResponse(
            self._run(_flow.exchange(request, policy_of(self.configuration, timeout_of(_request_timeout))))
        )

    def response_deserialize(
        self, response_data: RESTResponse, response_types_map: dict[str, str] | None = None
    ) -> ApiResponse[Any]:
        """The model that `response_types_map` ({"200": "AppResponse", "2XX": …}) names for an answer.

        Raises the exception of an answer other than 2xx, and ApiDecodeError.
        """
        response, types = response_data.response, response_types_map or {}
        require_success(response)
        named = types.get(str(response.status)) or types.get(f"{response.status // 100}XX")
        data: Any = None
        if named in ("bytearray", "bytes"):
            data = response.body
        elif named == "str":
            data = response.text()
        elif named is not None:
            plain = Operation("", "", None).decode(response)
            data = _of_type(named, plain)
        return ApiResponse(response.status, response.headers, data=data, raw_data=response.body)

    def deserialize(self, response_text: str, response_type: str, content_type: str | None = None) -> Any:
        """What `response_type` ("ApiKey", "List[ApiKey]", "Dict[str, ApiKey]", "object", "str", "date", …) makes of
        JSON text. Raises ValueError."""
        return response_text if response_type == "str" else _of_type(response_type, json.loads(response_text))

    def files_parameters(self, files: Any) -> list[Any]:
        """Nothing: these operations take no files. Raises ApiArgumentError for any."""
        if files:
            raise ApiArgumentError("files should be empty: these operations take JSON")
        return []

    def sanitize_for_serialization(self, obj: Any) -> Any:
        """Plain data that JSON can hold."""
        if isinstance(obj, Model):
            return obj.to_dict()
        if isinstance(obj, dict):
            return {name: self.sanitize_for_serialization(value) for name, value in obj.items()}
        if isinstance(obj, list | tuple | set):
            return [self.sanitize_for_serialization(each) for each in obj]
        if hasattr(obj, "isoformat"):
            return obj.isoformat()
        return obj

    def parameters_to_tuples(self, params: Any, collection_formats: dict[str, str] | None) -> list[tuple[str, str]]:
        """Parameters as pairs, models and dictionaries as name[property]."""
        pairs: list[tuple[str, str]] = []
        for name, value in params.items() if isinstance(params, dict) else params:
            plain = self.sanitize_for_serialization(value)
            if isinstance(plain, dict):
                pairs += [(f"{name}[{inner}]", _text(each)) for inner, each in plain.items() if each is not None]
            elif isinstance(plain, list) and (collection_formats or {}).get(name) == "multi":
                pairs += [(name, _text(each)) for each in plain]
            elif isinstance(plain, list):
                delimiter = _DELIMITERS.get((collection_formats or {}).get(name, ""), ",")
                pairs.append((name, delimiter.join(_text(each) for each in plain)))
            elif plain is not None:
                pairs.append((name, _text(plain)))
        return pairs

    def parameters_to_url_query(self, params: Any, collection_formats: dict[str, str] | None) -> str:
        return "&".join(
            f"{quote(name, safe='[]')}={quote(value)}"
            for name, value in self.parameters_to_tuples(params, collection_formats)
        )

    def select_header_accept(self, accepts: list[str]) -> str | None:
        """The first that is JSON, else the first."""
        return next((each for each in accepts if "json" in each.lower()), accepts[0] if accepts else None)

    def select_header_content_type(self, content_types: list[str]) -> str | None:
        """The first that is JSON, else the first."""
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
        """Put credentials into `headers` or `queries`: the call's own, else the configured ones."""
        named = Headers(headers.items())
        if request_auth:
            _auth.apply_given(request_auth, named, queries)
        elif auth_settings:
            _auth.apply_configured(self.configuration, named, auth_settings, signer=self._signer, now=time.time())
        headers.update(named)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_type(name: str, data: Any) -> Any:
    """Plain data as the type that the official package names so."""
    if data is None or name == "object":
        return data
    container, bracket, inner = name.partition("[")
    if bracket and container in ("List", "list") and isinstance(data, list):
        return [_of_type(inner[:-1], each) for each in data]
    if bracket and container in ("Dict", "dict") and isinstance(data, dict):
        return {key: _of_type(inner[:-1].partition(",")[2].strip(), each) for key, each in data.items()}
    if name in ("date", "datetime"):
        import datetime as dt

        return getattr(dt, name).fromisoformat(data)
    if name in LowLevelMethods.NATIVE_TYPES_MAPPING:
        return LowLevelMethods.NATIVE_TYPES_MAPPING[name](data)
    from sunshine_conversations_client import models

    model = getattr(models, name, None)
    if not isinstance(model, type) or not issubclass(model, Model):
        raise ApiArgumentError(f"there is no model {name!r}")
    return model.from_dict(data)
