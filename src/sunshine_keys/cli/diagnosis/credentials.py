"""What is wrong with a credential: an Authorization header, a key's id and secret, or a token."""

from __future__ import annotations

import base64
import re

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.authentication import Authenticator
from sunshine_keys.access.authorisation import authorise
from sunshine_keys.access.credentials import BasicCredentials, read_credentials
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.tokens import UnverifiedToken
from sunshine_keys.cli.diagnosis import token, trail
from sunshine_keys.cli.diagnosis.findings import Diagnosis, Finding, refused
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden, NotFound, ServiceError
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.model import KEY_ID, Key
from sunshine_keys.keys.secrets import is_our_secret, same_secret
from sunshine_keys.resources import ROUTER
from sunshine_keys.wire.request import split_path

_NAMED = re.compile(r"authorization\s*:\s*", re.IGNORECASE)
_SECRET_LENGTH = 86


def header_of(given: str) -> str:
    """What was given as the value of an Authorization header, whichever way it was given."""
    text = _NAMED.sub("", given.strip(), count=1)
    if re.match(r"(basic|bearer)(\s|$)", text, re.IGNORECASE):
        return text
    if text.count(".") == 2 and ":" not in text:
        return f"Bearer {text}"
    if ":" in text:
        return "Basic " + base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return text


async def diagnose(engine: Engine, given: str, request: tuple[str, str] | None, now: float) -> Diagnosis:
    """What the service would answer to this credential at `now` for `request` (a method and a path), and why."""
    header = header_of(given)
    if is_our_secret(header):
        return await _secret_alone(engine, header)
    result = await Authenticator(engine, lambda: now).authenticate(header)
    if isinstance(result, Actor):
        return _accepted(result, request)
    match read_credentials(header):
        case BasicCredentials() as basic:
            return await _wrong_basic(engine, basic)
        case UnverifiedToken() as unverified:
            return await token.refusal(engine, unverified, now, result)
        case failure:
            return _unreadable(header, failure)


def _unreadable(header: str, failure: AuthenticationFailure) -> Diagnosis:
    match failure.reason:
        case Reason.EMPTY | Reason.MALFORMED_BASIC:
            empty = failure.reason is Reason.EMPTY
            text = "the credentials are empty" if empty else "what follows `Basic` is not base64 of id, colon, secret"
            return refused(
                "malformed_header", text, "Encode the key's id, a colon and its secret, with nothing around them."
            )
        case Reason.MISSING | Reason.UNKNOWN_SCHEME:
            return refused(
                "malformed_header",
                f"the header cannot be read: {failure.title}",
                "It should be `Basic` and base64 of id:secret, or `Bearer` and a token.",
            )
        case _:
            return token.malformed(header.partition(" ")[2].strip(), failure)


def _accepted(actor: Actor, request: tuple[str, str] | None) -> Diagnosis:
    of = ", ".join(
        f"{kind} {each}" for kind, each in (("app", actor.app_id), ("integration", actor.integration_id)) if each
    )
    accepted = Finding(
        "accepted", f"key {actor.key_id} is accepted, with scope {actor.scope}" + (f", of {of}" if of else "")
    )
    if request is None:
        return Diagnosis(accepted=True, findings=[accepted])
    method, path = request
    try:
        operation, ids = ROUTER.match(method, split_path("/" + path.partition("?")[0].strip("/"))[1])
        authorise(actor, operation.scopes, ids.get("appId"), ids.get("integrationId"))
    except Forbidden as error:
        return Diagnosis(
            accepted=False,
            findings=[accepted, Finding("forbidden", f"it may not do this: {error.cause}", _key_that_may(error))],
        )
    except NotFound:
        told = Finding("no_such_path", "there is no such path", "Paths begin with /v2, as in /v2/apps/ID/integrations.")
        return Diagnosis(accepted=False, findings=[accepted, told])
    except ServiceError as error:
        return Diagnosis(accepted=False, findings=[accepted, Finding(error.code, error.titles[0])])
    return Diagnosis(accepted=True, findings=[accepted])


def _key_that_may(error: Forbidden) -> str:
    return "Use an app's key (app_…), or the account's (act_…)." if "app is needed" in error.cause else (
        "Use a key of what the path names, or one of a wider scope."
    )  # fmt: skip


async def _wrong_basic(engine: Engine, credentials: BasicCredentials) -> Diagnosis:
    key_id, secret = credentials.key_id, credentials.secret
    if not KEY_ID.fullmatch(key_id):
        return _odd_id(key_id, secret)
    key = await engine.store.key(key_id)
    if key is None:
        return await trail.missing(engine.store, key_id)
    return await _wrong_secret(engine, key, secret)


def _odd_id(key_id: str, secret: str) -> Diagnosis:
    if KEY_ID.fullmatch(secret):
        return refused("swapped", "the id and the secret are in each other's place", "The id comes first.")
    if KEY_ID.fullmatch(key_id.strip(" \t\r\n\"'")):
        return refused("malformed_id", "there is white space or a quotation mark around the key's id")
    return refused(
        "malformed_id",
        "what is given for an id is none of a key: those are act_, app_ or int_ and 24 hex digits, in lower case",
    )


async def _wrong_secret(engine: Engine, key: Key, secret: str) -> Diagnosis:
    kept = await engine.opened(key.sealed_secret, key.id)
    named = f'key {key.id} "{key.display_name}"'
    if same_secret(secret.strip().strip("\"'").strip(), kept):
        return refused(
            "untrimmed_secret", f"the secret of {named} has white space or quotation marks around it", "Trim it."
        )
    owner = await owner_of(engine, secret)
    if owner is not None:
        return refused(
            "secret_of_another_key", f'the secret is that of key {owner.id} "{owner.display_name}", not of {named}'
        )
    if len(secret) != _SECRET_LENGTH:
        told = f"the secret has {len(secret)} characters where that of {named} has {len(kept)}"
        return refused("wrong_secret", told, "Was it cut off, or is something else in its place?")
    if not is_our_secret(secret) and is_our_secret(kept):
        return refused("mistyped_secret", f"the secret is not that of {named}, nor of any key: its checksum is wrong", "It was changed or mistyped on the way.")  # fmt: skip
    return refused(
        "wrong_secret", f"the secret is not that of {named}, nor of any key here", "Is it another service's?"
    )


async def _secret_alone(engine: Engine, secret: str) -> Diagnosis:
    owner = await owner_of(engine, secret)
    whose = f"that of key {owner.id}" if owner else "of no key here"
    return refused(
        "secret_alone",
        f"this is a secret alone, {whose}",
        "Send id:secret by Basic, or a token that is signed with it.",
    )


async def owner_of(engine: Engine, secret: str) -> Key | None:
    """The key there is whose secret this is. Reads all keys."""
    async for key, kept in keys.every(engine):
        if same_secret(secret, kept):
            return key
    return None
