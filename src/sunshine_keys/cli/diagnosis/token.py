"""What is wrong with a JSON Web Token: its form, its signature, its scope, or the clocks."""

from __future__ import annotations

import base64
from typing import Any

from sunshine_keys.access import tokens
from sunshine_keys.access.failures import AuthenticationFailure, Reason
from sunshine_keys.access.scopes import Scope
from sunshine_keys.access.tokens import UnverifiedToken
from sunshine_keys.cli.diagnosis import trail
from sunshine_keys.cli.diagnosis.findings import Diagnosis, refused, span, told_time
from sunshine_keys.engine import Engine
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.model import KEY_ID, Key

_ALGORITHMS = frozenset(
    {"none", *(f"{kind}{size}" for kind in ("HS", "RS", "ES", "PS") for size in (256, 384, 512)), "EdDSA"}
)
_MILLISECONDS = 10**11
"""No date in seconds is as large for three thousand years."""


async def refusal(engine: Engine, token: UnverifiedToken, now: float, failure: AuthenticationFailure) -> Diagnosis:
    """Return why a well-formed token was refused with `failure`."""
    if not KEY_ID.fullmatch(token.key_id):
        return refused(
            "malformed_kid", "the token's kid is not the id of a key", "Put the key's id (act_…, app_… or int_…) there."
        )
    key = await engine.store.key(token.key_id)
    if key is None:
        return await trail.missing(engine.store, token.key_id)
    secret = await engine.opened(key.sealed_secret, key.id)
    claims = tokens.read_claims(token, secret)
    if not isinstance(claims, AuthenticationFailure):
        return _wrong_claims(claims, key, now, failure)
    if claims.reason is Reason.WRONG_SIGNATURE:
        return await _wrong_signature(engine, token, key, secret)
    return refused("malformed_token", failure.title)


def malformed(compact: str, failure: AuthenticationFailure) -> Diagnosis:
    """Return why a token that cannot be read was refused with `failure`."""
    if failure.reason is Reason.WRONG_ALGORITHM:
        header = tokens.read_header(compact.partition(".")[0])
        algorithm = None if isinstance(header, AuthenticationFailure) else header.get("alg")
        text = algorithm if isinstance(algorithm, str) and algorithm in _ALGORITHMS else "something else, or missing"
        return refused(
            "wrong_alg", f"the token's alg is {text}: only HS256 is accepted", "Sign it by HS256 with the key's secret."
        )
    if any(character.isspace() for character in compact):
        return refused("malformed_token", "there is white space inside the token", "Was it broken into lines?")
    return refused("malformed_token", failure.title)


async def _wrong_signature(engine: Engine, token: UnverifiedToken, key: Key, secret: str) -> Diagnosis:
    named = f'key {key.id} "{key.display_name}"'
    for told, other in _misreadings(secret, key.id).items():
        if tokens.is_signed_with(token, other):
            return refused(
                "misread_secret", f"the token is signed with {told} of {named}", "Sign with the secret's text as it is."
            )
    async for another, its_secret in keys.every(engine):
        if tokens.is_signed_with(token, its_secret.encode()):
            return refused(
                "signed_with_another_key",
                f'the token is signed with the secret of key {another.id} "{another.display_name}", and its kid names {named}',
                "Put the id of the key that signs into kid.",
            )
    return refused(
        "wrong_signature",
        f"the token is signed with the secret of no key here, and its kid names {named}",
        "Is the secret another service's, or that of a key that has been deleted?",
    )


def _misreadings(secret: str, key_id: str) -> dict[str, bytes]:
    """What people sign with in the secret's place."""
    return {
        "the secret and a line end after it": f"{secret}\n".encode(),
        "the secret, a carriage return and a line end": f"{secret}\r\n".encode(),
        "the secret in quotation marks": f'"{secret}"'.encode(),
        "the bytes that the secret is as base64": base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)),
        "the id, not the secret,": key_id.encode(),
    }


def _wrong_claims(claims: dict[str, Any], key: Key, now: float, failure: AuthenticationFailure) -> Diagnosis:
    scope = claims.get("scope")
    if scope != key.scope.value:
        told = (
            f"`{scope}`" if scope in [each.value for each in Scope] else "missing" if scope is None else "none there is"
        )
        return refused(
            "wrong_scope",
            f"the token's scope is {told}, where `{key.scope}` is needed: it should be that of key {key.id}, which signed it",
        )
    for name, judge in (("exp", _expired), ("nbf", _not_yet)):
        date = claims.get(name)
        if isinstance(date, int | float) and not isinstance(date, bool) and (found := judge(claims, date, now)):
            return found
    return refused("malformed_token", failure.title)


def _expired(claims: dict[str, Any], end: float, now: float) -> Diagnosis | None:
    if now < end:
        return None
    late = now - end
    made = claims.get("iat")
    told = f"the token expired at {told_time(end)} (exp), {span(late)} before {told_time(now)}"
    if not isinstance(made, int | float) or isinstance(made, bool) or made > end:
        return refused("expired", told, "Sign a new one; --at tells when it was sent, if that was earlier.")
    told += f"; it says it was signed at {told_time(made)} (iat), for {span(end - made)}"
    return refused(
        "expired",
        told,
        f"If it was signed just before it was sent, the clock of the machine that signs is {span(now - made)} behind; set "
        "that. Else it was kept too long: sign a new one before it ends. (--at tells when it was sent, if that was earlier.)",
    )


def _not_yet(claims: dict[str, Any], start: float, now: float) -> Diagnosis | None:
    if now >= start:
        return None
    if start >= _MILLISECONDS:
        return refused("not_yet_valid", "the token's nbf is in milliseconds", "Dates in a token are in seconds.")
    return refused(
        "not_yet_valid",
        f"the token is valid only from {told_time(start)} (nbf), {span(start - now)} after {told_time(now)}",
        f"If it was signed just before it was sent, the clock of the machine that signs is {span(start - now)} ahead; set that.",
    )
