"""Why credentials are refused: the authenticator's own reason, and what the store knows about it."""

from __future__ import annotations

import base64
import re
from typing import Any

from sunshine_keys.access import tokens
from sunshine_keys.access.actor import Actor
from sunshine_keys.access.authentication import Authenticator
from sunshine_keys.access.authorisation import authorise
from sunshine_keys.access.credentials import AccessToken, BasicCredentials, read_credentials
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.tokens import UnverifiedToken
from sunshine_keys.cli.diagnosis import trail
from sunshine_keys.cli.diagnosis.findings import Diagnosis, Finding, duration, refused, utc_time
from sunshine_keys.compose import ROUTER
from sunshine_keys.engine import Engine
from sunshine_keys.errors import Forbidden, ServiceError
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.model import KEY_ID, TOKEN_PREFIX, Key
from sunshine_keys.keys.rotations import ROTATIONS
from sunshine_keys.keys.secrets import is_our_secret, same_secret
from sunshine_keys.keys.table import KEYS
from sunshine_keys.wire.request import split_path

_HEADER_NAME = re.compile(r"authorization\s*:\s*", re.IGNORECASE)
_SCHEME = re.compile(r"(basic|bearer)(\s|$)", re.IGNORECASE)

_ADVICE = {
    Reason.MISSING: "Send `Basic` and base64 of id:secret, or `Bearer` and a token.",
    Reason.EMPTY: "Check the variables or settings that the id and the secret come from.",
    Reason.UNKNOWN_SCHEME: "Send `Basic` and base64 of id:secret, or `Bearer` and a token.",
    Reason.MALFORMED_BASIC: "Encode the key's id, a colon and its secret, without a line end.",
    Reason.WRONG_ACCESS_TOKEN: "Check that the token is complete. If it is, let the account's owner connect the partner again.",
    Reason.MALFORMED_TOKEN: "Check that the token is complete, and not broken into lines.",
    Reason.WRONG_ALGORITHM: "Sign the token with HS256 and the key's secret.",
    Reason.MISSING_KEY_ID: "Set kid to the key's id in the token's header.",
}


def as_header(text: str) -> str:
    """Return the value of an Authorization header for a header, id:secret or a token."""
    text = _HEADER_NAME.sub("", text.strip(), count=1)
    if _SCHEME.match(text):
        return text
    if text.startswith(TOKEN_PREFIX):
        return f"Bearer {text}"
    if text.count(".") == 2 and ":" not in text:
        return f"Bearer {text}"
    if ":" in text:
        return "Basic " + base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return text


async def diagnose(engine: Engine, text: str, request: tuple[str, str] | None, now: float) -> Diagnosis:
    """Return what the service answers at `now` to these credentials for `request` (a method and a path), and why."""
    header = as_header(text)
    if is_our_secret(header):
        owner = await _owner(engine, header)
        whose = f"that of key {owner.id}" if owner else "of no key in this store"
        return refused("secret_alone", f"this is only a secret, {whose}", "Send id:secret with Basic, or a token.")
    engine.store.clock = lambda: now
    result = await Authenticator(engine, lambda: now).authenticate(header)
    if isinstance(result, Actor):
        return _accepted(result, request)
    credentials = read_credentials(header)
    if isinstance(credentials, AuthenticationFailure):
        return _reason(credentials)
    key_id = credentials.key_id
    if isinstance(credentials, AccessToken):
        row = await engine.store.get(KEYS, key_id)
        return await trail.missing_key(engine.store, key_id) if row is None else _reason(result)
    if not KEY_ID.fullmatch(key_id):
        is_swapped = isinstance(credentials, BasicCredentials) and KEY_ID.fullmatch(credentials.secret)
        return refused(
            "swapped" if is_swapped else "malformed_key_id",
            "the id and the secret are swapped" if is_swapped else "the key's id is malformed",
            "An id is act_, app_ or int_ and 24 hex digits in lower case, without spaces or quotation marks.",
        )
    key = await engine.store.get(KEYS, key_id)
    if key is None:
        return await trail.missing_key(engine.store, key_id)
    if key.expires_at is not None and key.has_ended(now):
        when = f"{utc_time(key.expires_at)}, {duration(now - key.expires_at)} before {utc_time(now)}"
        rotation = await engine.store.get(ROTATIONS, key.id)
        advice = "Create another key, or rotate keys before they end."
        if rotation is not None:
            advice = f"Use its successor, key {rotation.successor_id}."
        return refused("key_ended", f"{_name(key)} ended {when}", advice)
    secret = await engine.unseal(key.sealed_secret, key.id)
    if isinstance(credentials, BasicCredentials):
        return await _wrong_secret(engine, key, secret, credentials.secret)
    if result.reason is Reason.WRONG_SIGNATURE:
        return await _wrong_signature(engine, key, secret, credentials)
    claims = tokens.read_claims(credentials, secret)
    if result.reason in (Reason.EXPIRED, Reason.NOT_YET_VALID) and isinstance(claims, dict):
        return _wrong_time(result.reason, claims, now)
    return _reason(result)


def _reason(failure: AuthenticationFailure) -> Diagnosis:
    return refused(failure.reason.value, f"the service answers: {failure.title}", _ADVICE.get(failure.reason, ""))


def _accepted(actor: Actor, request: tuple[str, str] | None) -> Diagnosis:
    owners = [f"app {actor.app_id}"] if actor.app_id else []
    owners += [f"integration {actor.integration_id}"] if actor.integration_id else []
    kind = "access token" if actor.key_id.startswith(TOKEN_PREFIX) else "key"
    message = ", ".join([f"{kind} {actor.key_id} is accepted, with scope {actor.scope}", *owners])
    findings = [Finding("accepted", message)]
    if request is not None:
        method, path = request
        try:
            operation, ids = ROUTER.match(method, split_path("/" + path.partition("?")[0].strip("/"))[1])
            authorise(actor, operation.scopes, ids.get("appId"), ids.get("integrationId"))
        except Forbidden as error:
            advice = "Use a key of the app or integration in the path, or a key with a wider scope."
            findings.append(Finding(error.code, f"the key does not allow this: {error.cause}", advice))
        except ServiceError as error:
            findings.append(Finding(error.code, f"the service answers: {error.titles[0]}", "Paths begin with /v2."))
    return Diagnosis(accepted=len(findings) == 1, findings=findings)


async def _wrong_secret(engine: Engine, key: Key, secret: str, wrong: str) -> Diagnosis:
    name = _name(key)
    if same_secret(wrong.strip().strip("\"'").strip(), secret):
        return refused(
            "untrimmed_secret", f"the secret of {name} has spaces or quotation marks around it", "Remove them."
        )
    owner = await _owner(engine, wrong)
    if owner is not None:
        return refused("secret_of_another_key", f"the secret is that of {_name(owner)}, not of {name}")
    if len(wrong) == len(secret) and is_our_secret(secret) and not is_our_secret(wrong):
        return refused(
            "mistyped_secret",
            f"the secret is not that of {name}: its checksum is wrong",
            "Check it for a typing error.",
        )
    return refused(
        "wrong_secret",
        f"the secret has {len(wrong)} characters, and is not that of {name} or of another key in this store",
        f"Check that it is complete ({len(secret)} characters) and that it belongs to this service.",
    )


async def _wrong_signature(engine: Engine, key: Key, secret: str, token: UnverifiedToken) -> Diagnosis:
    name = _name(key)
    misreadings = {
        "followed by a line end": f"{secret}\n".encode(),
        "decoded from base64": base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)),
    }
    for form, misread in misreadings.items():
        if tokens.is_signed_with(token, misread):
            return refused(
                "misread_secret",
                f"the token is signed with the secret of {name}, {form}",
                "Sign with the secret's text.",
            )
    async for other, other_secret in keys.every(engine):
        if not other.is_token and tokens.is_signed_with(token, other_secret.encode()):
            return refused(
                "signed_with_another_key",
                f"the token is signed with the secret of {_name(other)}, but its kid names {name}",
                "Set kid to the id of the key that signs.",
            )
    return refused(
        Reason.WRONG_SIGNATURE.value,
        f"the token's kid names {name}, but the token is signed with the secret of no key in this store",
        "Check that the secret belongs to this service, and that its key was not deleted.",
    )


def _wrong_time(reason: Reason, claims: dict[str, Any], now: float) -> Diagnosis:
    issued = claims.get("iat")
    if reason is Reason.NOT_YET_VALID:
        start = claims["nbf"]
        message = f"the token is valid from {utc_time(start)} (nbf), {duration(start - now)} after {utc_time(now)}"
        skew = f"is {duration(start - now)} ahead"
        advice = "Check that nbf is in seconds, not milliseconds."
    else:
        end = claims["exp"]
        message = f"the token expired at {utc_time(end)} (exp), {duration(now - end)} before {utc_time(now)}"
        skew = "is behind"
        if isinstance(issued, int | float) and issued <= end:
            message += f"; it was signed at {utc_time(issued)} (iat), for {duration(end - issued)}"
            skew = f"is {duration(now - issued)} behind"
        advice = "Otherwise sign a new token. If it was sent earlier, add the time with --at."
    return refused(
        reason.value,
        message,
        f"If it was signed just before it was sent, the clock of the machine that signs {skew}: correct it. {advice}",
    )


def _name(key: Key) -> str:
    return f'key {key.id} "{key.display_name}"'


async def _owner(engine: Engine, secret: str) -> Key | None:
    """Return the key with this secret. Reads all keys."""
    async for key, key_secret in keys.every(engine):
        if not key.is_token and same_secret(secret, key_secret):
            return key
    return None
