"""What the audit trail records about a key and about a request."""

from __future__ import annotations

import contextlib

from sunshine_keys.access.causes import CAUSES
from sunshine_keys.cli.audit import pages
from sunshine_keys.cli.diagnosis.findings import Diagnosis, Finding, refused
from sunshine_keys.errors import StoreUnavailable, TooManyRequests
from sunshine_keys.keys.table import KEYS
from sunshine_keys.store import Store
from sunshine_keys.store.audit import DONE, UNCHANGED, Entry

UNKNOWN_KEY = "unknown_key"
"""The cause of a finding that the store has never had a key."""

_REFUSED = "request"
"""The action of entries about refused requests."""


async def missing_key(store: Store, key_id: str) -> Diagnosis:
    """Return why the store has no such key: its deletion, that of its app or integration, or a restore."""
    entry = await _end(store, key_id)
    if entry is None:
        return refused(
            UNKNOWN_KEY,
            f"there is no key {key_id} in this store, and its audit trail has no deletion of it",
            "Check the id, and that the key belongs to this service.",
        )
    when = await _circumstances(store, entry)
    resource = entry.action.partition(".")[0]
    if resource == "store":
        cause, message = "lost_by_restore", f"key {key_id} was lost when a backup replaced the store {when}"
    elif resource in ("oauth_token", "oauth_access"):
        message = f"access token {key_id} was revoked {when}"
        return refused("access_revoked", message, "Let the owner of the app connect the partner again.")
    elif resource == "key":
        cause, message = "key_deleted", f"key {key_id} was deleted {when}"
    else:
        owner = entry.resource.rpartition("/")[2]
        cause, message = f"{resource}_deleted", f"key {key_id} was deleted with its {resource} {owner} {when}"
    return refused(cause, message, "Create another key.")


async def request(store: Store, request_id: str) -> Diagnosis:
    """Return what the trail records about a request."""
    # The time of a cause is that of the refusal, while its entry in the trail may be later than a deletion that followed.
    with contextlib.suppress(StoreUnavailable):  # an earlier version wrote the store, which has no such table
        cause = await store.get(CAUSES, request_id)
        if cause is not None:
            return await _refused(store, cause.key_id, cause.time, cause.source, cause.code, cause.cause)
    async for page in pages(store):
        for entry in page:
            if entry.request_id == request_id:
                return await _request(store, entry)
    finding = Finding(
        "not_in_the_trail",
        f"the audit trail has no entry of request {request_id}",
        "The trail has no entries of successful reads, and the causes of refusals are stored for a day, from a second after the"
        " answer. Pass the credentials on standard input instead.",
    )
    return Diagnosis(accepted=None, findings=[finding])


async def _request(store: Store, entry: Entry) -> Diagnosis:
    when = await _circumstances(store, entry)
    if entry.action != _REFUSED:
        if entry.outcome in (DONE, UNCHANGED):
            message = f"the service accepted {entry.action} of {entry.resource} {when}"
            return Diagnosis(accepted=True, findings=[Finding("accepted", message)])
        return refused(
            entry.outcome, f"the service answered {entry.outcome} to {entry.action} of {entry.resource} {when}"
        )
    key_id = entry.resource.rpartition("/")[2]
    return await _refused(store, key_id, entry.time, entry.source, entry.outcome, entry.note)


async def _refused(store: Store, key_id: str, time: str, source: str, code: str, cause: str) -> Diagnosis:
    if code == TooManyRequests.code:
        key = f" with key {key_id}" if "_" in key_id else ""
        return refused(
            code,
            f"a request{key} was refused at {time} from {source} by a rate limit: {cause}",
            "Wait for the seconds in Retry-After, or change the limit: see --rate-limit-* in `sunshine-keys serve --help`.",
        )
    key = f"key {key_id}" if "_" in key_id else "unreadable credentials"
    diagnosis = refused(
        code,
        f"a request with {key} was refused at {time} from {source}: {cause or code}",
        "Pass the credentials on standard input for more details.",
    )
    if "_" not in key_id or await store.get(KEYS, key_id) is not None:
        return diagnosis
    # The key may have been deleted after this request.
    end = await _end(store, key_id)
    return await missing_key(store, key_id) if end is None or end.time <= time else diagnosis


async def _end(store: Store, key_id: str) -> Entry | None:
    """Return the entry that ended a key: a deletion or, without one, the last restore since its creation."""
    end = restore = None
    owners: tuple[str, ...] = ()
    async for page in pages(store):
        for entry in page:
            if entry.outcome != DONE:
                continue
            is_key = entry.resource.endswith((f"keys/{key_id}", f"tokens/{key_id}"))
            if entry.action == "store.restore":
                restore = entry
            elif entry.action in ("key.create", "oauth_token.create") and is_key:
                end = restore = None
                owners = _owners(entry.resource)
            elif (entry.action in ("key.delete", "oauth_token.delete") and is_key) or (
                entry.action in ("app.delete", "integration.delete", "oauth_access.revoke") and entry.resource in owners
            ):
                end = entry
    return end or restore


def _owners(resource: str) -> tuple[str, ...]:
    """Return the paths of the app and the integration that a key at this path belongs to."""
    parts = resource.split("/")[:-2]
    return tuple("/".join(parts[:length]) for length in range(2, len(parts) + 1, 2))


async def _circumstances(store: Store, entry: Entry) -> str:
    """Format an entry's time, actor, address and request."""
    actor = await store.get(KEYS, entry.actor) if "_" in entry.actor else None
    name = f' "{actor.display_name}"' if actor is not None else ""
    source = f" from {entry.source}" if entry.source else ""
    request_id = f", request {entry.request_id}" if entry.request_id else ""
    return f"at {entry.time} by {entry.actor}{name}{source}{request_id}"
