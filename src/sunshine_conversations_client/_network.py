"""The TLS and socket settings of a configuration, with one meaning for urllib3 and for aiohttp."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sunshine_conversations_client.exceptions import ApiArgumentError, ApiDecodeError

if TYPE_CHECKING:
    import ssl
    from typing import Any

    from sunshine_conversations_client.configuration import Configuration

_INVALID_SOCKET_OPTIONS = (
    "The socket_options are invalid. Use a list of (level, name, value), as socket.setsockopt takes them."
)


class Tls:
    """The TLS settings of a configuration. Raises ApiArgumentError if a setting has the wrong type.

    `verify` is False if no certificate is verified. `ca_file`, `ca_directory` and `ca_data` are the authorities to
    trust; without them, OpenSSL's defaults apply. `expected_name` is the name that a certificate must have if that is
    not the host; False means any name. `server_name` is the name for SNI, and the expected one by default.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.verify = bool(configuration.verify_ssl)
        self.ca_data = configuration.ca_cert_data or None if self.verify else None
        bundle: Any = None
        if self.verify:  # a missing bundle does not matter if nothing is verified
            bundle = _path(configuration.ssl_ca_cert, "ssl_ca_cert") or (None if self.ca_data else ca_bundle())
        is_directory = bundle is not None and os.path.isdir(bundle)  # noqa: PTH112 - pathlib takes longer to import than this package
        self.ca_file: str | None = None if is_directory else bundle
        self.ca_directory: str | None = bundle if is_directory else None
        self.cert_file = _path(configuration.cert_file, "cert_file")
        self.key_file = _path(configuration.key_file, "key_file")
        self.expected_name = _expected_name(configuration.assert_hostname)
        self.server_name = configuration.tls_server_name or None
        if self.server_name is not None and not isinstance(self.server_name, str):
            raise ApiArgumentError("The tls_server_name is invalid. Use a string, or None for the host's name.")

    def pool_keywords(self) -> dict[str, Any]:
        """Return the settings that `urllib3.PoolManager` takes beside a context."""
        keywords: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED" if self.verify else "CERT_NONE"}
        if self.expected_name is not None:
            keywords["assert_hostname"] = self.expected_name
        if self.server_name is not None:
            keywords["server_hostname"] = self.server_name
        return keywords

    def set_up(self, context: ssl.SSLContext) -> None:
        """Set the versions of TLS, and what a new context for clients verifies. It reads no files."""
        import ssl

        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        context.set_alpn_protocols(["http/1.1"])

    def load_certificates(self, context: ssl.SSLContext, *, for_proxy: bool = False) -> None:
        """Load the authorities, and the client certificate unless the context is for a proxy. Raises ApiArgumentError."""
        try:
            if self.ca_file or self.ca_directory or self.ca_data:
                context.load_verify_locations(self.ca_file, self.ca_directory, self.ca_data)
            elif self.verify:
                context.load_default_certs()
            if self.cert_file and not for_proxy:
                # An encrypted key is an error. Without a password, OpenSSL would read one from the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
        except (OSError, ValueError, TypeError) as error:
            raise ApiArgumentError(
                f"The certificates cannot be loaded ({type(error).__name__}). Check ssl_ca_cert, ca_cert_data, cert_file,"
                " key_file and the variables REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE."
            ) from error

    def context(self) -> ssl.SSLContext:
        """Return a new context with the settings, except `server_name`. Raises ApiArgumentError for unreadable files."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.set_up(context)
        self.load_certificates(context)
        if self.verify and self.expected_name is not None:
            context.check_hostname = False
            if isinstance(self.expected_name, str):
                context.sslobject_class = _checking(self.expected_name)
        return context


def _checking(expected_name: str) -> type[ssl.SSLObject]:
    """Return a class of TLS connections that end the handshake if the certificate does not have the expected name.

    OpenSSL itself compares a certificate only with the name that it sends for SNI.
    """
    import ssl

    from urllib3.util.ssl_match_hostname import CertificateError, match_hostname

    class CheckedConnection(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate: Any = self.getpeercert()
            try:
                match_hostname(certificate, expected_name)
            except CertificateError as error:
                raise ssl.SSLCertVerificationError(1, f"certificate verify failed: {error}") from None

    return CheckedConnection


def socket_options(configuration: Configuration) -> list[tuple[int, int, int | bytes]] | None:
    """Return `configuration.socket_options`, or None for the HTTP library's own. Raises ApiArgumentError."""
    options = configuration.socket_options
    if options is None:
        return None
    try:
        checked = [(level, name, value) for level, name, value in options]
    except (TypeError, ValueError):
        raise ApiArgumentError(_INVALID_SOCKET_OPTIONS) from None
    for level, name, value in checked:
        if not (isinstance(level, int) and isinstance(name, int) and isinstance(value, int | bytes)):
            raise ApiArgumentError(_INVALID_SOCKET_OPTIONS)
    return checked


def most_bytes(configuration: Configuration) -> int:
    """Return `configuration.max_answer_bytes`. Raises ApiArgumentError if it is not a positive integer."""
    most = configuration.max_answer_bytes
    if not isinstance(most, int) or isinstance(most, bool) or most <= 0:
        raise ApiArgumentError("The max_answer_bytes is invalid. Use a positive integer, the number of bytes.")
    return most


def ca_bundle() -> str | None:
    """Return the path in REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE. OpenSSL itself reads SSL_CERT_FILE and SSL_CERT_DIR."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


def _path(value: Any, name: str) -> str | None:
    """Return a path as text, with the home directory for a leading tilde. Raises ApiArgumentError."""
    if not value:
        return None
    try:
        return os.path.expanduser(os.fsdecode(value))  # noqa: PTH111 - pathlib takes longer to import than this package
    except TypeError:
        raise ApiArgumentError(f"The setting {name} is invalid. Use the path of a file.") from None


def _expected_name(value: Any) -> str | bool | None:
    """Return the name in `assert_hostname`, False for any name, or None for the host's own: the default, and True."""
    if value is None or value is True or value == "":
        return None
    if value is not False and not isinstance(value, str):
        raise ApiArgumentError(
            "assert_hostname is invalid. Use a name, False for any name, or None for the host's own."
        )
    name: str | bool = value.strip("[]") if isinstance(value, str) else False
    return name


def too_long(status: int, most: int) -> ApiDecodeError:
    """Return the exception for an answer whose body is longer than `most` bytes."""
    return ApiDecodeError(
        status, f"The answer is longer than {most} bytes. Raise Configuration.max_answer_bytes if you expect it."
    )


def unsendable() -> ApiArgumentError:
    """Return the exception for a request that an HTTP library refuses. It names no value, which may be a credential."""
    return ApiArgumentError(
        "The method, the URL or a header cannot be sent over HTTP. Remove line breaks and characters outside Latin-1."
    )
