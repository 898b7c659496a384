"""Settings of a client: host, credentials, TLS, proxy, retries and logging."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING

from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    import logging
    from typing import Any, Literal, Self

DEFAULT_HOST = "https://api.smooch.io"
HOST_VARIABLE = "SUNSHINE_CONVERSATIONS_HOST"

_SUBDOMAIN_HOST = 2  # its index in get_host_settings
SCOPES = ("account", "app", "integration")

_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


@functools.lru_cache(maxsize=16)
def _basic(credentials: str) -> str:
    import base64

    return "Basic " + base64.b64encode(credentials.encode()).decode()


class _Credential:
    """An attribute of `Configuration` that holds a credential.

    As soon as the program assigns a credential, those from the environment are dropped: half of one key with half of
    another would be sent, or the key of another account. The scope belongs to a key, so it alone drops none.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:  # Python itself reads the value from `__dict__`, since there is no other `__get__`

        def __get__(self, configuration: Configuration, owner: type | None = None) -> str | None: ...

    def __set__(self, configuration: Configuration, value: str | None) -> None:
        configuration.__dict__[self.name] = value
        if value is not None and self.name != "scope":
            for name in configuration._environmental - {self.name}:
                configuration.__dict__[name] = None
            configuration._environmental = frozenset()
        else:
            configuration._environmental -= {self.name}


class Configuration:
    """Hold the settings of an `ApiClient`.

    The client reads the host, the credentials, the proxy and the retries at each call. It reads the TLS and pool
    settings when it opens its first connection.

    If you pass no credentials, they come from the environment: SUNSHINE_CONVERSATIONS_BEARER_TOKEN, or
    SUNSHINE_CONVERSATIONS_KEY_ID, …_SECRET and …_SCOPE. A variable whose name ends in _FILE names a file that holds the
    value. Once you assign a credential, all credentials from the environment are dropped. Raises ApiArgumentError if
    `scope` or `subdomain` is invalid, or if such a file is empty or cannot be read.

    host: the base URL, for example "http://127.0.0.1:8080". It may have a path. Default: the environment variable
        SUNSHINE_CONVERSATIONS_HOST, else https://api.smooch.io.
    subdomain: the name of a Zendesk account: "acme" selects the host https://acme.zendesk.com/sc.
    username, password: the id and the secret of an API key, sent with HTTP Basic.
    key_id, secret: the same under their own names. With `scope` ("account", "app" or "integration", the scope of the
        key) the client signs HS256 tokens instead. They last 300 seconds, and the client corrects them for the
        service's clock.
    access_token: a JSON Web Token that an API key has signed, sent as Bearer. It wins over the other credentials.
    allow_insecure_http: True sends credentials over plain http to other machines, too. Default: loopback only.
    retries: how often the client repeats a failed attempt if that is safe. None means 3; 0 and False mean never.
    max_answer_bytes: an attribute, the greatest size of an answer's body after decoding. A longer one raises
        ApiDecodeError. Default: 64 MB.
    ssl_ca_cert, ca_cert_data: the certificate authorities to trust, as the path of a file, or as PEM text or DER bytes.
    discard_unknown_keys: accepted as in versions before 17, without effect.
    api_key, api_key_prefix, server_index, server_variables, server_operation_index, server_operation_variables,
    ignore_operation_servers: accepted as in the official client. The operations of this API use only the host that
        `server_index` and `server_variables` select.
    """

    _default: Configuration | None = None
    _environmental: frozenset[str] = frozenset()
    """The names of the credentials whose value comes from the environment."""

    username = _Credential()
    password = _Credential()
    access_token = _Credential()
    key_id = _Credential()
    secret = _Credential()
    scope = _Credential()

    def __init__(
        self,
        host: str | None = None,
        api_key: dict[str, str] | None = None,
        api_key_prefix: dict[str, str] | None = None,
        username: str | None = None,
        password: str | None = None,
        access_token: str | None = None,
        server_index: int | None = None,
        server_variables: dict[str, str] | None = None,
        server_operation_index: dict[int, int] | None = None,
        server_operation_variables: dict[int, dict[str, str]] | None = None,
        ignore_operation_servers: bool = False,
        ssl_ca_cert: str | None = None,
        retries: Any = None,
        ca_cert_data: str | bytes | None = None,
        *,
        debug: bool | None = None,
        key_id: str | None = None,
        secret: str | None = None,
        scope: Literal["account", "app", "integration"] | None = None,
        allow_insecure_http: bool = False,
        subdomain: str | None = None,
        discard_unknown_keys: bool = False,
    ) -> None:
        if isinstance(access_token, bool):  # `discard_unknown_keys` was here before version 17
            access_token = None
        self._base_path = DEFAULT_HOST
        if server_index is None:
            self._base_path = os.environ.get(HOST_VARIABLE, "").strip() or DEFAULT_HOST
        if subdomain is not None:
            _check_subdomain(subdomain, other_host=host is not None or server_index is not None)
            server_index, server_variables = _SUBDOMAIN_HOST, {"subdomain": subdomain}
        self.server_index: int | None = 0 if server_index is None and host is None else server_index
        self.server_operation_index = server_operation_index or {}
        self.server_variables = server_variables or {}
        self.server_operation_variables = server_operation_variables or {}
        self.ignore_operation_servers = ignore_operation_servers
        if host is not None:
            self.host = host

        self.api_key = api_key or {}
        self.api_key_prefix = api_key_prefix or {}
        self.refresh_api_key_hook: Any = None
        self.username = username
        self.password = password
        self.access_token = access_token
        self.key_id = key_id
        self.secret = secret
        self.scope = _checked_scope(scope)
        self.allow_insecure_http = allow_insecure_http
        if all(value is None for value in (username, password, access_token, key_id, secret)):
            self._read_environment()

        self.verify_ssl = True
        self.ssl_ca_cert = ssl_ca_cert
        self.ca_cert_data = ca_cert_data
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.assert_hostname: str | bool | None = None
        self.tls_server_name: str | None = None
        self.connection_pool_maxsize: int | None = (os.cpu_count() or 1) * 5
        self.proxy: str | None = None
        self.proxy_headers: dict[str, str] | None = None
        self.socket_options: Any = None
        self.retries = retries
        self.max_answer_bytes = 64 * 1024 * 1024

        self.safe_chars_for_path_param = ""
        self.client_side_validation = True
        self.temp_folder_path: str | None = None
        self.datetime_format = "%Y-%m-%dT%H:%M:%S.%f%z"
        self.date_format = "%Y-%m-%d"

        self.logger_stream_handler: logging.Handler | None = None
        self.logger_file_handler: logging.Handler | None = None
        self._logger_file: str | None = None
        self._logger_format = _LOG_FORMAT
        self._debug = False
        if debug is not None:
            self.debug = debug

    def _read_environment(self) -> None:
        """Take the credentials that the environment holds. A scope that is already set stays."""
        for name, variable in _VARIABLES.items():
            value = _from_environment(variable) if self.__dict__.get(name) is None else None
            if value is not None:
                self.__dict__[name] = _checked_scope(value) if name == "scope" else value
                self._environmental |= {name}

    def __repr__(self) -> str:
        return f"Configuration(host={public_url(str(self.host))!r}, username={self.username or self.key_id!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy of all settings that shares the log handlers."""
        import copy

        duplicate = type(self).__new__(type(self))
        memo[id(self)] = duplicate
        shared = ("logger_stream_handler", "logger_file_handler")
        for name, value in self.__dict__.items():
            duplicate.__dict__[name] = value if name in shared else copy.deepcopy(value, memo)
        return duplicate

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"logger_stream_handler": None, "logger_file_handler": None}

    @classmethod
    def set_default(cls, default: Configuration | None) -> None:
        """Set the configuration of clients that are created without one. None restores the built-in default."""
        cls._default = default

    @classmethod
    def get_default(cls) -> Configuration:
        """Return the default configuration itself, not a copy. The first call creates it."""
        if cls._default is None:
            cls._default = cls()
        return cls._default

    @classmethod
    def get_default_copy(cls) -> Configuration:
        """Return the same object as `get_default`, as the official client does."""
        return cls.get_default()

    @property
    def host(self) -> str:
        """The base URL: the one you set, or the published host that `server_index` selects."""
        if not self.server_index:
            return self._base_path
        return self.get_host_from_settings(self.server_index, self.server_variables)

    @host.setter
    def host(self, value: str) -> None:
        self._base_path = value
        self.server_index = None

    def get_host_settings(self) -> list[dict[str, Any]]:
        """Return the published hosts, each as {"url": …, "description": …}."""
        return [
            {"url": DEFAULT_HOST, "description": "United States, legacy accounts"},
            {"url": "https://api.eu-1.smooch.io", "description": "European Union, legacy accounts"},
            {"url": "https://{subdomain}.zendesk.com/sc", "description": "A Zendesk account's own subdomain"},
        ]

    def get_host_from_settings(
        self, index: int | None, variables: dict[str, str] | None = None, servers: list[dict[str, Any]] | None = None
    ) -> str:
        """Return the URL of a published host, or this configuration's own host if `index` is None.

        `variables` replace the names in braces in the URL. Raises ValueError if there is no host with this index.
        """
        if index is None:
            return self._base_path
        servers = self.get_host_settings() if servers is None else servers
        if not 0 <= index < len(servers):
            raise ValueError(f"invalid host index {index}: there are {len(servers)}")
        url: str = servers[index]["url"]
        for name, value in (variables or {}).items():
            url = url.replace(f"{{{name}}}", value)
        return url

    def get_api_key_with_prefix(self, identifier: str, alias: str | None = None) -> str | None:
        """Return `api_key[identifier]`, else `api_key[alias]`, behind its prefix; None if there is no such key."""
        if self.refresh_api_key_hook is not None:
            self.refresh_api_key_hook(self)
        key = self.api_key.get(identifier, self.api_key.get(alias) if alias is not None else None)
        prefix = self.api_key_prefix.get(identifier)
        return f"{prefix} {key}" if key and prefix else key

    def get_basic_auth_token(self) -> str:
        """Return an Authorization header for `username` and `password`, or for `key_id` and `secret`.

        If both pairs are complete, the second is used. Missing parts are empty, as in the official client. The text is
        encoded in UTF-8.
        """
        name, secret = self._key()
        return _basic(f"{name or ''}:{secret or ''}")

    def _key(self) -> tuple[str | None, str | None]:
        return (self.username, self.password) if self.key_id is None else (self.key_id, self.secret)

    def get_basic_auth_token_or_none(self) -> str | None:
        """Return the Authorization header for the key, under either pair of names; None if a part is missing."""
        return None if None in self._key() else self.get_basic_auth_token()

    def auth_settings(self) -> dict[str, dict[str, Any]]:
        """Return the configured credentials in the form that the official client uses.

        A subclass may override this method. The client then calls it at each call and sends what it returns under
        "bearerAuth", else under "basicAuth", and nothing if it returns neither.
        """
        auth: dict[str, dict[str, Any]] = {}
        if self.access_token is not None:
            auth["bearerAuth"] = {
                "type": "bearer",
                "in": "header",
                "format": "JWT",
                "key": "Authorization",
                "value": f"Bearer {self.access_token.strip()}",
            }
        if (basic := self.get_basic_auth_token_or_none()) is not None:
            auth["basicAuth"] = {
                "type": "basic",
                "in": "header",
                "key": "Authorization",
                "value": basic,
            }
        return auth

    def to_debug_report(self) -> str:
        """Return the versions of Python, of the API and of this package, one per line."""
        import sys

        from sunshine_conversations_client._version import __version__

        return (
            "Python SDK Debug Report:\n"
            f"OS: {sys.platform}\n"
            f"Python Version: {sys.version}\n"
            "Version of the API: 17.12.1\n"
            f"SDK Package Version: {__version__}"
        )

    @property
    def logger(self) -> dict[str, logging.Logger]:
        """The loggers that `logger_file` writes to: "package_logger" and "urllib3_logger"."""
        import logging

        return {
            "package_logger": logging.getLogger("sunshine_conversations_client"),
            "urllib3_logger": logging.getLogger("urllib3"),
        }

    @property
    def debug(self) -> bool:
        """True if the client logs requests at level DEBUG. The log has no credentials, queries or bodies."""
        return self._debug

    @debug.setter
    def debug(self, value: bool) -> None:
        import logging

        self._debug = value
        # The logger of urllib3 keeps its level: it logs queries, which may contain credentials.
        logging.getLogger("sunshine_conversations_client").setLevel(logging.DEBUG if value else logging.WARNING)

    @property
    def logger_file(self) -> str | None:
        """The path of a file to which the log is also written, or None."""
        return self._logger_file

    @logger_file.setter
    def logger_file(self, value: str | None) -> None:
        import logging

        self._logger_file = value
        if self.logger_file_handler is not None:
            for logger in self.logger.values():
                logger.removeHandler(self.logger_file_handler)
            self.logger_file_handler.close()
            self.logger_file_handler = None
        if value:
            self.logger_file_handler = logging.FileHandler(value)
            self.logger_file_handler.setFormatter(self.logger_formatter)
            for logger in self.logger.values():
                logger.addHandler(self.logger_file_handler)

    @property
    def logger_format(self) -> str:
        """The format of a line in `logger_file`, as `logging.Formatter` takes it."""
        return self._logger_format

    @logger_format.setter
    def logger_format(self, value: str) -> None:
        self._logger_format = value
        if self.logger_file_handler is not None:
            self.logger_file_handler.setFormatter(self.logger_formatter)

    @property
    def logger_formatter(self) -> logging.Formatter:
        """A new formatter for `logger_format`."""
        import logging

        return logging.Formatter(self._logger_format)


_VARIABLES = {"access_token": "BEARER_TOKEN", "key_id": "KEY_ID", "secret": "SECRET", "scope": "SCOPE"}
"""The variables behind SUNSHINE_CONVERSATIONS_, by the attribute that they are the default of."""


def _from_environment(name: str) -> str | None:
    """Return SUNSHINE_CONVERSATIONS_name, else the content of the file that …_FILE names, else None.

    White space around a value is dropped; a variable that holds nothing else counts as unset. Raises ApiArgumentError if
    the file is empty or cannot be read.
    """
    variable = f"SUNSHINE_CONVERSATIONS_{name}"
    if value := os.environ.get(variable, "").strip():
        return value
    path = os.environ.get(f"{variable}_FILE", "").strip()
    if not path:
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123 - importing pathlib takes longer than this package
            value = file.read().strip()
        fault = "" if value else f"The file that {variable}_FILE names is empty. Write the value into it."
    except (OSError, ValueError) as error:  # the exception of an invalid encoding holds what was read
        fault = f"Cannot read the file that {variable}_FILE names ({type(error).__name__}). Set it to a readable file."
    if fault:
        raise ApiArgumentError(fault)
    return value


def _checked_scope(scope: str | None) -> str | None:
    if scope is not None and scope not in SCOPES:
        raise ApiArgumentError(f"The scope is unknown. Use the scope of the key, one of {', '.join(SCOPES)}.")
    return scope


def _check_subdomain(subdomain: str, *, other_host: bool) -> None:
    if other_host:
        raise ApiArgumentError("subdomain selects a host by itself. Leave out host and server_index.")
    if not isinstance(subdomain, str) or not _SUBDOMAIN.fullmatch(subdomain):
        raise ApiArgumentError('subdomain should be the name before .zendesk.com, for example "acme"')
