"""How a client reaches the service: host, credentials, TLS, proxy, timeouts, logging."""

from __future__ import annotations

import os

from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client.exceptions import ApiArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any, Literal, Self

DEFAULT_HOST = "https://api.smooch.io"
HOST_VARIABLE = "SUNSHINE_CONVERSATIONS_HOST"

SCOPES = ("account", "app", "integration")

_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class Configuration:
    """Settings of an `ApiClient`. Host, credentials and timeouts are read at each call, the rest when it is made.

    Credentials that are not given come from SUNSHINE_CONVERSATIONS_BEARER_TOKEN, or …_KEY_ID, …_SECRET and …_SCOPE, or
    from the files that the same names with _FILE point to.

    host: base URL without a trailing slash; else the environment variable SUNSHINE_CONVERSATIONS_HOST, else
        https://api.smooch.io.
    username, password: an API key's id and secret, sent by HTTP Basic.
    key_id, secret: the same by their own names; with `scope` ("account", "app" or "integration", the key's own) the
        client signs short-lived HS256 tokens itself, renews them, and allows for the service's clock.
    access_token: a JSON Web Token signed by an API key, sent as Bearer; it wins over the others.
    allow_insecure_http: send credentials over plain http to other machines, too.
    retries: how often a failed attempt is repeated where that is safe; None means 3, 0 or False never.
    ssl_ca_cert, ca_cert_data: a file, or the text or DER bytes, of the certificate authorities to trust.
    api_key, api_key_prefix, server_index, server_variables, server_operation_index, server_operation_variables,
    ignore_operation_servers: kept from the official client; this API's operations do not use them.
    """

    _default: Configuration | None = None

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
    ) -> None:
        self._base_path = os.environ.get(HOST_VARIABLE) or DEFAULT_HOST
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
        self.scope: str | None
        self.allow_insecure_http = allow_insecure_http
        if all(each is None for each in (username, password, access_token, key_id, secret)):
            self.access_token = _from_environment("BEARER_TOKEN")
            self.key_id = _from_environment("KEY_ID")
            self.secret = _from_environment("SECRET")
            scope = scope or _from_environment("SCOPE")  # type: ignore[assignment]  # _scope looks at what it is
        self.scope = _scope(scope)

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

    def __repr__(self) -> str:
        return f"Configuration(host={public_url(str(self.host))!r}, username={self.username or self.key_id!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """All settings copied, log handlers shared."""
        import copy

        made = type(self).__new__(type(self))
        memo[id(self)] = made
        shared = ("logger_stream_handler", "logger_file_handler")
        for name, value in self.__dict__.items():
            made.__dict__[name] = value if name in shared else copy.deepcopy(value, memo)
        return made

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"logger_stream_handler": None, "logger_file_handler": None}

    @classmethod
    def set_default(cls, default: Configuration | None) -> None:
        """Make `default` what clients made without a configuration use."""
        cls._default = default

    @classmethod
    def get_default(cls) -> Configuration:
        """The default configuration itself, made at the first call; not a copy."""
        if cls._default is None:
            cls._default = cls()
        return cls._default

    @classmethod
    def get_default_copy(cls) -> Configuration:
        """The same as `get_default`, as in the official client."""
        return cls.get_default()

    @property
    def host(self) -> str:
        """The base URL: as given, or of the published host that `server_index` names."""
        if not self.server_index:
            return self._base_path
        return self.get_host_from_settings(self.server_index, self.server_variables)

    @host.setter
    def host(self, value: str) -> None:
        self._base_path = value
        self.server_index = None

    def get_host_settings(self) -> list[dict[str, Any]]:
        """The published hosts."""
        return [
            {"url": DEFAULT_HOST, "description": "United States, legacy accounts"},
            {"url": "https://api.eu-1.smooch.io", "description": "European Union, legacy accounts"},
            {"url": "https://{subdomain}.zendesk.com/sc", "description": "A Zendesk account's own subdomain"},
        ]

    def get_host_from_settings(
        self, index: int | None, variables: dict[str, str] | None = None, servers: list[dict[str, Any]] | None = None
    ) -> str:
        """The URL of a published host, or this configuration's own where `index` is None. Raises ValueError."""
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
        if self.refresh_api_key_hook is not None:
            self.refresh_api_key_hook(self)
        key = self.api_key.get(identifier, self.api_key.get(alias) if alias is not None else None)
        prefix = self.api_key_prefix.get(identifier)
        return f"{prefix} {key}" if key and prefix else key

    def get_basic_auth_token(self) -> str:
        """The Authorization header of `username` and `password`, in UTF-8."""
        import base64

        credentials = f"{self.username or self.key_id or ''}:{self.password or self.secret or ''}"
        return "Basic " + base64.b64encode(credentials.encode()).decode()

    def get_basic_auth_token_or_none(self) -> str | None:
        """The Authorization header of the key, by either pair of names; None where there is none."""
        import base64

        name, secret = (self.username, self.password) if self.key_id is None else (self.key_id, self.secret)
        if name is None or secret is None:
            return None
        return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()

    def auth_settings(self) -> dict[str, dict[str, Any]]:
        """The configured credentials as the official client describes them."""
        auth: dict[str, dict[str, Any]] = {}
        if self.access_token is not None:
            auth["bearerAuth"] = {
                "type": "bearer",
                "in": "header",
                "format": "JWT",
                "key": "Authorization",
                "value": f"Bearer {self.access_token}",
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
        import logging

        return {
            "package_logger": logging.getLogger("sunshine_conversations_client"),
            "urllib3_logger": logging.getLogger("urllib3"),
        }

    @property
    def debug(self) -> bool:
        """Whether requests are logged, at level DEBUG, without credentials, queries or bodies."""
        return self._debug

    @debug.setter
    def debug(self, value: bool) -> None:
        import logging

        self._debug = value
        # Not urllib3's own: it logs queries, which may hold credentials.
        logging.getLogger("sunshine_conversations_client").setLevel(logging.DEBUG if value else logging.WARNING)

    @property
    def logger_file(self) -> str | None:
        """A file that the package's log is also written to."""
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
        return self._logger_format

    @logger_format.setter
    def logger_format(self, value: str) -> None:
        self._logger_format = value
        if self.logger_file_handler is not None:
            self.logger_file_handler.setFormatter(self.logger_formatter)

    @property
    def logger_formatter(self) -> logging.Formatter:
        import logging

        return logging.Formatter(self._logger_format)


def _from_environment(name: str) -> str | None:
    """A credential from SUNSHINE_CONVERSATIONS_… or the file that …_FILE names. Raises ApiArgumentError."""
    variable = f"SUNSHINE_CONVERSATIONS_{name}"
    if value := os.environ.get(variable):
        return value
    path = os.environ.get(f"{variable}_FILE")
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes longer to import than the rest of this
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ApiArgumentError(f"cannot read {variable}_FILE: {type(error).__name__}") from error


def _scope(given: str | None) -> str | None:
    if given is not None and given not in SCOPES:
        raise ApiArgumentError(f"scope should be one of {', '.join(SCOPES)}")
    return given
