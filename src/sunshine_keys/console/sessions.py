"""Sessions: what the browser holds, what the store keeps of it, when it ends, and what is derived from it.

The browser holds 256 random bits; the store keeps their SHA-256. A session ends with its key: the store deletes both
together, and the key is looked up at each request in the way that credentials of the API are.
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

IDLE_SECONDS = 30 * 60
MOST_SECONDS = 12 * 60 * 60
"""How long a session lasts at most, however busy it is."""

_SEEN_SECONDS = 60
"""How exactly the store is told when a session was last seen: a write for each page would be too many."""

NOTICE_SECONDS = 60
_PATH = "/console"
_SESSION, _FORM, _NOTICE = "session", "form", "notice"


class SignedIn(msgspec.Struct, frozen=True):
    """A session as it is at one request. `token` is what the browser holds."""

    token: str
    session: ConsoleSession
    actor: Actor

    def __repr__(self) -> str:
        return f"SignedIn(key_id={self.actor.key_id!r})"

    @property
    def form_token(self) -> str:
        """What every form of the session has to hold."""
        return form_token(self.token)


def form_token(token: str) -> str:
    return _derived(token, "form")


def is_form_token(token: str, given: str) -> bool:
    return hmac.compare_digest(form_token(token).encode(), given.encode())


async def open_session(store: Store, origin: Origin, actor: Actor, now: float) -> str:
    """Have the session kept, and return its token. Raises Unauthorized where the key is gone, StoreUnavailable."""
    token = new_token()
    session = ConsoleSession(_id(token), actor.key_id, int(now), int(now))
    await store.transact(origin, OpenSession(session, actor.app_id, int(now) - IDLE_SECONDS))
    return token


async def resume(store: Store, request: Request, now: float) -> SignedIn | None:
    """The session of a request; None where it has none, or the session or its key is over. Raises StoreUnavailable."""
    token = request.cookies.get(_cookie(request, _SESSION), "")
    session = await store.get(SESSIONS, _id(token)) if token else None
    if session is None or now - session.last_seen >= IDLE_SECONDS or now - session.created >= MOST_SECONDS:
        return None
    key = await store.credential(session.key_id)
    if key is None:
        return None
    return SignedIn(token, session, Actor.of(key))


async def touch(store: Store, signed_in: SignedIn, origin: Origin, now: float) -> None:
    """Have it last. Raises Unauthorized where the key is gone."""
    if now - signed_in.session.last_seen >= _SEEN_SECONDS:
        with suppress(StoreUnavailable):  # what cannot be written now can still be read
            await store.transact(origin, TouchSession(signed_in.session.id, int(now)))


async def close(store: Store, signed_in: SignedIn, origin: Origin) -> None:
    """End it, on every node. Raises Unauthorized where the key is gone, StoreUnavailable."""
    await store.transact(origin, CloseSession(signed_in.session, signed_in.actor.app_id))


def give(request: Request, response: Response, token: str) -> None:
    """Have the browser keep a session's token, and forget what the sign-in form had it keep."""
    _set(request, response, _SESSION, token)
    _delete(request, response, _FORM)


def take(request: Request, response: Response) -> None:
    for name in (_SESSION, _NOTICE):
        if _cookie(request, name) in request.cookies:
            _delete(request, response, name)


def had_one(request: Request) -> bool:
    """Whether the browser thinks that it is signed in."""
    return _cookie(request, _SESSION) in request.cookies


def guest_token(request: Request) -> str:
    """What a browser that has not signed in holds, to have its form told from another site's; empty where nothing."""
    return request.cookies.get(_cookie(request, _FORM), "")


def give_guest(request: Request, response: Response, token: str) -> None:
    _set(request, response, _FORM, token)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def give_notice(signed_in: SignedIn, request: Request, response: Response, notice: tuple[str, str], now: float) -> None:
    """Have the next page tell what was done: its kind, and an id. Nobody else can make one."""
    told = f"{notice[0]}.{notice[1]}.{int(now) + NOTICE_SECONDS}"
    _set(request, response, _NOTICE, f"{told}.{_derived(signed_in.token, 'notice ' + told)}", NOTICE_SECONDS)


def notice_of(signed_in: SignedIn, request: Request, now: float) -> tuple[str, str]:
    """The notice to be told; empty where there is none."""
    told, _, mac = request.cookies.get(_cookie(request, _NOTICE), "").rpartition(".")
    if not hmac.compare_digest(mac.encode(), _derived(signed_in.token, "notice " + told).encode()):
        return "", ""
    kind, id, end = told.split(".")
    return (kind, id) if now < int(end) else ("", "")


def take_notice(request: Request, response: Response) -> None:
    _delete(request, response, _NOTICE)


def _id(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _derived(token: str, purpose: str) -> str:
    message = f"sunshine-keys console {purpose}".encode("utf-8", "surrogatepass")
    return hmac.digest(token.encode("utf-8", "surrogatepass"), message, "sha256").hex()


def _cookie(request: Request, name: str) -> str:
    """`__Host-` would ask for the path /, and have the API's requests carry it."""
    return f"{'__Secure-' if request.scope['scheme'] == 'https' else ''}sunshine_keys_{name}"


def _set(request: Request, response: Response, name: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(
        _cookie(request, name), value, max_age=seconds, path=_PATH,
        secure=request.scope["scheme"] == "https", httponly=True, samesite="strict",
    )  # fmt: skip


def _delete(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(
        _cookie(request, name), path=_PATH,
        secure=request.scope["scheme"] == "https", httponly=True, samesite="strict",
    )  # fmt: skip
