"""Writing an export, in constant memory, of the store as it is at one moment."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import IO

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.exports.passphrase import Digest, PassphraseKeys, Sealing
from sunshine_keys.exports.records import FORMAT, VERSION, Row, line, record
from sunshine_keys.models import Counts, Key, Webhook
from sunshine_keys.sealing.sealer import SealError
from sunshine_keys.store import StoreError, Walk, audit

_PAGE = 1000

Progress = Callable[[int, int], None]


class Header(msgspec.Struct, frozen=True):
    """`passphrase` is missing where secrets are left out."""

    format: str
    version: int
    time: str
    counts: Counts
    passphrase: Sealing | None = None


async def write(engine: Engine, file: IO[bytes], keys: PassphraseKeys | None, progress: Progress) -> Counts:
    """Export everything; without `keys` secrets are left out. Returns what is in it.

    Raises StoreError where a secret cannot be unsealed.
    """
    digest = Digest() if keys is None else keys.digest()

    def put(content: bytes) -> None:
        digest.update(content)
        file.write(content)

    async with engine.store.snapshot() as walk:
        counts = await walk.counts()
        total = sum(msgspec.structs.astuple(counts))
        header = Header(FORMAT, VERSION, audit.now(), counts, None if keys is None else keys.sealing)
        put(
            msgspec.json.encode(
                {name: value for name, value in msgspec.to_builtins(header).items() if value is not None}
            )
            + b"\n"
        )
        done = 0
        async for page in rows(walk):
            for row in page:
                put(line(record(row, await _secret(engine, keys, row))))
            done += len(page)
            progress(done, total)
    file.write(line(digest.end(done)))
    return counts


async def rows(walk: Walk) -> AsyncIterator[Sequence[Row]]:
    """All there is, each after those it refers to."""
    reads: tuple[Callable[[str, int], Awaitable[Sequence[Row]]], ...] = (
        walk.apps_after,
        walk.integrations_after,
        walk.webhooks_after,
        walk.keys_after,
    )
    for read in reads:
        after = ""
        while found := await read(after, _PAGE):
            yield found
            after = found[-1].id


async def _secret(engine: Engine, keys: PassphraseKeys | None, row: Row) -> str | None:
    if keys is None or not isinstance(row, Webhook | Key):
        return None
    try:
        secret = await engine.opened(row.sealed_secret, row.id)
    except SealError as error:
        raise StoreError(f"cannot export: {error}") from None
    return base64.b64encode(keys.sealer.seal(secret, row.id)).decode()
