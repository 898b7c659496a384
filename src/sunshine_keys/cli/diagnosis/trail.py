"""What the audit trail tells of a key and of a request."""

from __future__ import annotations

import msgspec

from sunshine_keys.access.failures import Reason
from sunshine_keys.cli.audit import pages
from sunshine_keys.cli.diagnosis.findings import Diagnosis, Finding, refused
from sunshine_keys.errors import Forbidden, Unauthorized
from sunshine_keys.keys.model import Key
from sunshine_keys.store import Store
from sunshine_keys.store.audit import DONE, UNCHANGED, Entry

_REFUSED = "request"


class History(msgspec.Struct):
    """The entries that made a key and ended it, so far as the trail has them."""

    created: Entry | None = None
    ended: Entry | None = None
    restored: Entry | None = None
    """The last time that the store was replaced by a backup, after the key was made."""


async def history(store: Store, key_id: str) -> History:
    found = History()
    owners: tuple[str, ...] = ()
    async for page in pages(store):
        for entry in page:
            if entry.outcome != DONE:
                continue
            if entry.action == "store.restore":
                found.restored = entry
            elif entry.action == "key.create" and entry.resource.endswith(f"keys/{key_id}"):
                found.created, found.ended, found.restored = entry, None, None
                owners = _owners(entry.resource)
            elif (entry.action == "key.delete" and entry.resource.endswith(f"keys/{key_id}")) or (
                entry.action in ("app.delete", "integration.delete") and entry.resource in owners
            ):
                found.ended = entry
    return found


def _owners(resource: str) -> tuple[str, ...]:
    """The app and the integration that a key at this path is of."""
    parts = resource.split("/")[:-2]
    return tuple("/".join(parts[:length]) for length in range(2, len(parts) + 1, 2))


async def missing(store: Store, key_id: str) -> Diagnosis:
    """Why there is no such key."""
    told = await history(store, key_id)
    if told.ended is not None:
        if told.ended.action == "key.delete":
            return refused(
                "key_deleted",
                f"key {key_id} was deleted {await _by(store, told.ended)}",
                "Make another key, and use that.",
            )
        what = told.ended.action.partition(".")[0]
        return refused(
            f"{what}_deleted",
            f"key {key_id} is gone with its {what} {told.ended.resource.rpartition('/')[2]}, which was deleted "
            f"{await _by(store, told.ended)}",
        )
    if told.restored is not None:
        return refused(
            "lost_by_restore",
            f"there is no key {key_id}: the store was replaced by a backup {await _by(store, told.restored)}",
            "Make another key, and use that.",
        )
    return refused(
        "unknown_key",
        f"there is no key {key_id} in this store, and its audit trail tells of none",
        "Is it another service's, or mistyped?",
    )


async def _by(store: Store, entry: Entry) -> str:
    """When it was done, by whom, from where, by which request."""
    actor = await store.key(entry.actor) if "_" in entry.actor else None
    name = f' "{actor.display_name}"' if actor is not None else ""
    origin = f" from {entry.source}" if entry.source else ""
    request = f", request {entry.request_id}" if entry.request_id else ""
    return f"at {entry.time} by {entry.actor}{name}{origin}{request}"


async def of_request(store: Store, request_id: str) -> Diagnosis:
    """What the trail tells of a request that it has an entry of."""
    async for page in pages(store):
        for entry in page:
            if entry.request_id == request_id:
                return await _of_entry(store, entry)
    return Diagnosis(
        accepted=None,
        findings=[
            Finding(
                "not_in_the_trail",
                f"the audit trail has no entry of request {request_id}",
                "It has none of a read that was answered, of credentials that could not be read at all, nor of each refusal "
                "of one key from one address within a minute. Give the credential or the token on standard input instead.",
            )
        ],
    )


async def _of_entry(store: Store, entry: Entry) -> Diagnosis:
    key_id = entry.resource.rpartition("/")[2]
    if entry.action != _REFUSED:
        if entry.outcome in (DONE, UNCHANGED):
            told = f"it was answered: {entry.action} of {entry.resource}, {await _by(store, entry)}"
            return Diagnosis(accepted=True, findings=[Finding("accepted", told)])
        return refused(
            entry.outcome, f"{entry.action} of {entry.resource} was answered {entry.outcome}, {await _by(store, entry)}"
        )
    where = f"at {entry.time} from {entry.source}"
    if entry.outcome == Forbidden.code:
        return refused("forbidden", f"key {key_id} was accepted and may not do this, {where}: {entry.note}")
    if entry.outcome != Unauthorized.code or "_" not in key_id:
        return refused(entry.outcome, f"refused {where}: {entry.note or entry.outcome}")
    key = await store.key(key_id)
    if key is None:
        gone = await missing(store, key_id)
        return _while_it_was_there(entry, gone, await history(store, key_id))
    return _with_key(entry, key, where)


def _while_it_was_there(entry: Entry, gone: Diagnosis, told: History) -> Diagnosis:
    """A key that has been deleted since may have been refused for another reason."""
    if told.ended is None or told.ended.sequence < entry.sequence:
        return gone
    return refused(
        "refused_before_it_was_deleted",
        f"refused at {entry.time}, when the key was still there: {entry.note}; {gone.findings[0].told} later",
    )


def _with_key(entry: Entry, key: Key, where: str) -> Diagnosis:
    named = f'{key.id} "{key.display_name}"'
    if entry.note == Reason.WRONG_SECRET.title:
        return refused(
            "wrong_secret", f"key {named} is there, and the secret given {where} was not its own", "Give the credential on standard input to learn more."
        )  # fmt: skip
    if entry.note == Reason.WRONG_SIGNATURE.title:
        return refused(
            "wrong_signature", f"key {named} is there, and the token given {where} was not signed with its secret", "Give the token on standard input to learn more."
        )  # fmt: skip
    return refused("refused", f"a credential of key {named} was refused {where}: {entry.note or entry.outcome}")
