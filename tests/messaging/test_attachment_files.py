"""The bytes of attachments: memory, crashes, sweeps, several nodes, full disks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from support.messaging import FORM_HEADERS, form, opened_planes, upload
from support.servers import Server
from support.wire import Key, Place, Tenant, Wire, first_run, make_tenant

from sunshine_keys.store import OPERATOR
from sunshine_messaging.attachments.changes import AddChunk, BeginAttachment
from sunshine_messaging.attachments.files import LEFTOVER_SECONDS
from sunshine_messaging.attachments.model import Attachment, Chunk, new_ulid
from sunshine_messaging.attachments.table import ATTACHMENTS, CHUNKS
from sunshine_messaging.plane import Plane

MEGABYTE = 2**20


def peak(pid: int) -> int:
    """Return the most memory that a process has had since `forget`, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def test_upload_and_download_take_little_memory(place: Place) -> None:
    content = hashlib.shake_128(b"x").digest(MEGABYTE) * 50
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        pid = server.process.pid
        server.wire.get(upload(server.wire, tenant, content[: 2 * MEGABYTE]))  # loads what the first upload needs
        forget(pid)
        before = peak(pid)
        path = upload(server.wire, tenant, content)
        after_upload = peak(pid)
        assert server.wire.get(path).content == content
        assert after_upload - before < 16 * MEGABYTE
        assert peak(pid) - before < 16 * MEGABYTE


def test_every_node_serves_a_file(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as first, Server(place) as second:
        tenant = make_tenant(first.wire, account)
        path = upload(first.wire, tenant, b"Hello!")
        assert second.wire.get(path).content == b"Hello!"
        removal = {"mediaUrl": first.wire.url + path}
        assert second.wire.post(f"{tenant.app}/attachments/remove", tenant.key, removal).status == 200
        assert first.wire.get(path).status == 404


class Uploader(threading.Thread):
    """Uploads files of several parts until the server ends. `acknowledged` has the content of each by its path."""

    def __init__(self, wire: Wire, tenant: Tenant, number: int) -> None:
        super().__init__()
        self.acknowledged: dict[str, bytes] = {}
        self._wire, self._tenant, self._number = wire, tenant, number

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            for count in range(10_000):
                content = hashlib.shake_128(b"%d-%d" % (self._number, count)).digest(MEGABYTE)
                answer = self._wire.send(
                    "POST",
                    f"{self._tenant.app}/attachments",
                    self._tenant.key,
                    content=form(content),
                    headers=FORM_HEADERS,
                )
                if answer.status != 201:
                    return
                self.acknowledged[urlsplit(answer.json["attachment"]["mediaUrl"]).path] = content


def test_killed_server_loses_no_file_and_leaves_none_behind(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    acknowledged: dict[str, bytes] = {}
    tenant: Tenant | None = None
    for round in range(3):
        with Server(place) as server:
            tenant = tenant or make_tenant(server.wire, account)
            uploaders = [Uploader(server.wire, tenant, 10 * round + number) for number in range(3)]
            for uploader in uploaders:
                uploader.start()
            deadline = time.monotonic() + 60
            while sum(len(uploader.acknowledged) for uploader in uploaders) < 3 + 2 * round:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            server.kill()
            for uploader in uploaders:
                uploader.join()
                acknowledged |= uploader.acknowledged
    with Server(place) as server:
        for path, content in acknowledged.items():
            assert server.wire.get(path).content == content
    make_old(place)

    async def check() -> None:
        async with opened_planes(place, 1) as (plane,):
            await plane.files.sweep(plane.now() + LEFTOVER_SECONDS * 1000 + 1000)
            rows = await plane.store.select(ATTACHMENTS, "")
            assert all(row.is_complete for row in rows)
            assert {path.split("/")[3] for path in acknowledged} <= {row.id for row in rows}
            for row in rows:
                assert await content_of(plane, row) == row.sha256
            assert await stored(plane, place) == {row.id for row in rows}

    asyncio.run(check())


async def content_of(plane: Plane, row: Attachment) -> bytes:
    digest = hashlib.sha256()
    async for part in plane.files.read(row.id, 0, row.size):
        digest.update(part)
    return digest.digest()


async def stored(plane: Plane, place: Place) -> set[str]:
    """Return the ids of which there are bytes, and the names of all other files in the folder."""
    if place.database is None:
        return {path.name for path in (place.data / "attachments").iterdir()}
    return {row.attachment_id for row in await plane.store.select(CHUNKS, "")}


def make_old(place: Place) -> None:
    """Set the times of all files back by more than what a sweep leaves alone."""
    if place.database is None:
        for path in (place.data / "attachments").iterdir():
            os.utime(path, (time.time() - LEFTOVER_SECONDS - 60,) * 2)


def test_sweep_leaves_files_of_attachments_and_new_ones(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        path = upload(server.wire, tenant, b"Hello!")
    make_old(place)

    async def check() -> None:
        async with opened_planes(place, 1) as (plane,):
            leftover = new_ulid(plane.now())
            if place.database is None:
                for name in (leftover, ".x.part", "README"):
                    (place.data / "attachments" / name).write_bytes(b"x")
            else:
                attachment = Attachment(
                    leftover, tenant.app_id, None, None, False, False, "a", "text/plain", 1, b"", "http://localhost"
                )
                await plane.store.transact(OPERATOR, BeginAttachment(attachment))
                await plane.store.transact(OPERATOR, AddChunk(Chunk(leftover, 0, b"x")))
            present = await stored(plane, place)
            await plane.sweep()
            assert await stored(plane, place) == present
            make_old(place)
            await plane.files.sweep(plane.now() + LEFTOVER_SECONDS * 1000 + 1000)
            assert await stored(plane, place) == present - {leftover, ".x.part"}

    asyncio.run(check())
    with Server(place) as server:
        assert server.wire.get(path).content == b"Hello!"


def test_files_of_a_deleted_app_are_removed(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        paths = [upload(server.wire, tenant, b"x") for _ in range(60)]
        assert server.wire.delete(tenant.app, account).status == 200
        assert {server.wire.get(path).status for path in paths} == {404}


def test_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    account = Key.of(first_run(place)["account_key"])
    patch = """
import errno, os
import sunshine_messaging.attachments.files as files

class FullDisk:
    @staticmethod
    def fsync(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

files.os = FullDisk
"""
    with Server(place, patch=patch) as server:
        tenant = make_tenant(server.wire, account)
        answer = server.wire.send(
            "POST", f"{tenant.app}/attachments", tenant.key, content=form(b"x"), headers=FORM_HEADERS
        )
        title = "The disk of the service is full: nothing was stored"
        assert (answer.status, answer.errors) == (503, [("service_unavailable", title)])
        assert list((tmp_path / "attachments").iterdir()) == []
