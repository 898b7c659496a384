"""Sessions: their cookies, their rows in the store, when they end, and the tokens derived from them.

The browser holds 256 random bits, the store their SHA-256. A session ends with its key: the store deletes both together,
and each request looks the key up as credentials of the API are.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sunshine_keys.access.actor import Actor
from sunshine_keys.console.changes import CloseSession, OpenSession, TouchSession
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.console.table import SESSIONS
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store import Origin, Store
from sunshine_keys.wire.request import host_url

IDLE_SECONDS = 30 * 60
MOST_SECONDS = 12 * 60 * 60
"""How long a session lasts at most, even in constant use."""

_SEEN_SECONDS = 60
"""How precise `last_seen` is in the store: a write for each page would be too many."""

NOTICE_SECONDS = 60
_PATH = "/console"
_SESSION, _FORM, _NOTICE = "session", "form", "notice"


class SignedIn(msgspec.Struct, frozen=True):
    """A session at the time of one request. `token` is the value of the browser's cookie, `name` the key's display name."""

    token: str
    session: ConsoleSession
    actor: Actor
    name: str

    def __repr__(self) -> str:
        return f"SignedIn(key_id={self.actor.key_id!r})"

    @property
    def form_token(self) -> str:
        """The token that every form of the session must contain."""
        return form_token(self.token)


def form_token(token: str) -> str:
    return _derived(token, "form")


def is_form_token(token: str, value: str) -> bool:
    return hmac.compare_digest(form_token(token).encode(), value.encode())


async def open_session(store: Store, origin: Origin, actor: Actor, now: float) -> str:
    """Store a new session, and return its token. Raises Unauthorized if the key was deleted, StoreUnavailable."""
    token = new_token()
    session = ConsoleSession(_id(token), actor.key_id, int(now), int(now))
    await store.transact(origin, OpenSession(session, actor.app_id, int(now) - IDLE_SECONDS))
    return token


async def resume(store: Store, request: Request, now: float) -> SignedIn | None:
    """Return the session of a request; None if it has none, or if the session or its key has ended.

    Raises StoreUnavailable.
    """
    token = request.cookies.get(_cookie(request, _SESSION), "")
    session = await store.get(SESSIONS, _id(token)) if token else None
    if session is None or now - session.last_seen >= IDLE_SECONDS or now - session.created >= MOST_SECONDS:
        return None
    key = await store.credential(session.key_id)
    if key is None or key.has_ended(store.now()):
        return None
    return SignedIn(token, session, Actor.of(key), key.display_name)


async def touch(store: Store, signed_in: SignedIn, origin: Origin, now: float) -> None:
    """Extend the session. Raises Unauthorized if the key was deleted."""
    is_future = signed_in.session.created > now + _SEEN_SECONDS
    if is_future or now - signed_in.session.last_seen >= _SEEN_SECONDS:
        with suppress(StoreUnavailable):  # a page can be shown even if the store cannot be written
            await store.transact(origin, TouchSession(signed_in.session.id, int(now)))


async def close(store: Store, signed_in: SignedIn, origin: Origin) -> None:
    """End the session, on every node. Raises Unauthorized if the key was deleted, StoreUnavailable."""
    await store.transact(origin, CloseSession(signed_in.session, signed_in.actor.app_id))


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Set the session's cookie, and delete that of the sign-in form."""
    _set(request, response, _SESSION, token)
    _delete(request, response, _FORM)


def delete_cookies(request: Request, response: Response) -> None:
    """Delete the cookies of the session and of its notice, if the browser has them."""
    for name in (_SESSION, _NOTICE):
        if _cookie(request, name) in request.cookies:
            _delete(request, response, name)


def has_cookie(request: Request) -> bool:
    """Return True if the browser has a session's cookie, of a session that may have ended."""
    return _cookie(request, _SESSION) in request.cookies


def sign_in_token(request: Request) -> str:
    """Return the pre-login CSRF cookie; empty if there is none."""
    return request.cookies.get(_cookie(request, _FORM), "")


def set_sign_in_token(request: Request, response: Response, token: str) -> None:
    _set(request, response, _FORM, token)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def set_notice(signed_in: SignedIn, request: Request, response: Response, notice: tuple[str, str], now: float) -> None:
    """Set a flash message for the next page: its kind, and an id. It is signed with the session's token."""
    text = f"{notice[0]}.{notice[1]}.{int(now) + NOTICE_SECONDS}"
    _set(request, response, _NOTICE, f"{text}.{_derived(signed_in.token, 'notice ' + text)}", NOTICE_SECONDS)


def notice_of(signed_in: SignedIn, request: Request, now: float) -> tuple[str, str]:
    """Return the flash message: its kind and an id; empty if there is none."""
    text, _, mac = request.cookies.get(_cookie(request, _NOTICE), "").rpartition(".")
    if not hmac.compare_digest(mac.encode(), _derived(signed_in.token, "notice " + text).encode()):
        return "", ""
    kind, id, end = text.split(".")
    return (kind, id) if now < int(end) else ("", "")


def delete_notice(request: Request, response: Response) -> None:
    _delete(request, response, _NOTICE)


def _id(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _derived(token: str, purpose: str) -> str:
    message = f"sunshine-keys console {purpose}".encode("utf-8", "surrogatepass")
    return hmac.digest(token.encode("utf-8", "surrogatepass"), message, "sha256").hex()


def _cookie(request: Request, name: str) -> str:
    """Return the cookie's name. `__Host-` would require the path /, and send the cookie with the API's requests.

    Browsers send cookies of a host to all of its ports. So the name contains a hash of the service's URL: two services on
    one host do not overwrite each other's cookies.
    """
    url = host_url(request.scope, request.headers.get("host", "")).partition("://")[2]
    service = hashlib.sha256(url.lower().encode()).hexdigest()[:8]
    return f"{'__Secure-' if request.scope['scheme'] == 'https' else ''}sunshine_keys_{name}_{service}"


def _path(request: Request) -> str:
    prefix: str = request.scope.get("prefix", "")
    return prefix + _PATH


def _set(request: Request, response: Response, name: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(
        _cookie(request, name), value, max_age=seconds, path=_path(request),
        secure=request.scope["scheme"] == "https", httponly=True, samesite="strict",
    )  # fmt: skip


def _delete(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(
        _cookie(request, name), path=_path(request),
        secure=request.scope["scheme"] == "https", httponly=True, samesite="strict",
    )  # fmt: skip
