"""Uploads of attachments: every form of a file, streaming, progress, and repetitions."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.drivers import Driver
from support.scripts import NewApi, NewScript, answer

import sunshine_conversations_client as sunshine

CONTENT = b"\x89PNG\r\n--" * 20_000
DONE = answer("201 Created", b'{"attachment": {"mediaUrl": "https://x/a.png", "mediaType": "image/png"}}')


class Pipe(io.RawIOBase):
    """A file that cannot seek, as a network stream."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError("not seekable")

    def readinto(self, buffer: Any) -> int:
        return self._content.readinto(buffer)


@pytest.fixture
def upload(api_at: NewApi, driver: Driver) -> Any:
    def call(url: str, source: Any, *, retries: Any = False, **options: Any) -> Any:
        client = api_at(url, retries=retries).api_client
        return driver.AttachmentsApi(client).upload_attachment("a", "public", source, **options)

    return call


def parts_of(request: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the head of a request, and the head and the content of its one part."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"ransfer-Encoding: chunked" in head:
        body = b"".join(re.findall(rb"[0-9a-fA-F]+\r\n(.*?)\r\n(?=[0-9a-fA-F]+\r\n)", body, re.DOTALL))
    boundary = re.search(rb"multipart/form-data; boundary=(\w+)", head)
    assert boundary
    part = body.removeprefix(b"--" + boundary[1] + b"\r\n").removesuffix(b"\r\n--" + boundary[1] + b"--\r\n")
    return head, *part.split(b"\r\n\r\n", 1)  # type: ignore[return-value]  # two parts


@pytest.mark.parametrize("form", ["path", "PathLike", "bytes", "pair", "triple", "file", "Upload"])
def test_every_form_of_a_file_is_sent(script: NewScript, upload: Any, tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(CONTENT)
    server = script(DONE)
    with path.open("rb") as opened:
        source = {
            "path": str(path), "PathLike": path, "bytes": CONTENT, "pair": ("a.png", CONTENT),
            "triple": ("b.bin", CONTENT, "image/png"), "file": opened,
            "Upload": sunshine.Upload(CONTENT, filename="a.png"),
        }[form]  # fmt: skip
        uploaded = upload(server.url, source, var_for="message", conversation_id="c")
    assert uploaded.attachment.media_type == "image/png"
    head, part, content = parts_of(server.requests[0])
    assert head.startswith(b"POST /v2/apps/a/attachments?access=public&for=message&conversationId=c HTTP/1.1\r\n")
    assert content == CONTENT
    name, kind = {"bytes": (b"source", b"application/octet-stream"), "triple": (b"b.bin", b"image/png")}.get(
        form, (b"a.png", b"image/png")
    )
    assert b'name="source"; filename="' + name + b'"' in part
    assert b"Content-Type: " + kind in part


def test_an_open_file_is_sent_from_its_position(script: NewScript, upload: Any) -> None:
    server = script(DONE)
    file = io.BytesIO(b"skipped" + CONTENT)
    file.seek(7)
    upload(server.url, file)
    assert parts_of(server.requests[0])[2] == CONTENT


def test_progress_is_reported(script: NewScript, upload: Any) -> None:
    reported: list[tuple[int, int | None]] = []
    upload(script(DONE).url, sunshine.Upload(CONTENT, on_progress=lambda *sizes: reported.append(sizes)))
    assert reported == sorted(reported)
    assert reported[-1] == (len(CONTENT), len(CONTENT))
    assert len(reported) > 2


def test_a_repetition_sends_the_whole_file_again(script: NewScript, upload: Any) -> None:
    server = script(answer("429 x", Retry_After="0"), DONE)
    file = io.BytesIO(b"skipped" + CONTENT)
    file.seek(7)
    assert upload(server.url, file, retries=1).attachment
    assert [parts_of(request)[2] for request in server.requests] == [CONTENT] * 2


def test_a_source_that_cannot_rewind_is_not_sent_again(script: NewScript, upload: Any) -> None:
    class Chunked:
        def __call__(self, connection: socket.socket) -> None:
            received = b""
            while not received.endswith(b"0\r\n\r\n"):
                received += connection.recv(65536)
            connection.sendall(answer("429 x"))

    server = script(Chunked(), DONE)
    with pytest.raises(sunshine.RateLimitedException):
        upload(server.url, Pipe(CONTENT), retries=1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "source",
    [
        None,
        5,
        [],
        ("a", "text"),
        ("a",),
        sunshine.IntegrationApiKey("x"),
        ("a", b"x", "image/png\r\nX: y"),
        io.StringIO,
    ],
)
def test_an_invalid_source_is_rejected(script: NewScript, upload: Any, source: Any) -> None:
    server = script(DONE)
    with pytest.raises(sunshine.ApiArgumentError):
        upload(server.url, source("x") if source is io.StringIO else source)
    assert not server.requests or b"\r\n--" not in server.requests[0][-100:]


def test_a_missing_file_is_an_os_error(upload: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        upload("http://127.0.0.1:1", str(tmp_path / "none.png"))


def test_a_file_that_becomes_shorter_is_rejected(script: NewScript, upload: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)

    def cut(sent: int, total: int | None) -> None:
        os.truncate(path, 65536)

    with pytest.raises(sunshine.ApiArgumentError, match="shorter"):
        upload(script(DONE).url, sunshine.Upload(path, on_progress=cut))


def test_the_callback_may_call_the_client(script: NewScript) -> None:
    """The call within an upload has its own deadline, and the upload keeps its own."""
    inner = script(*[answer(body=b'{"app": {}}')] * 9)

    def reply(connection: socket.socket) -> None:
        for part in [b"HTTP/1.1 201 Created\r\nX: ", *[b"x"] * 60, b"\r\n", DONE.partition(b"\r\n")[2]]:
            connection.sendall(part)
            time.sleep(0.05)

    def call(sent: int, total: int | None) -> None:
        sunshine.AppsApi(client(inner.url)).get_app("a")

    def client(url: str) -> sunshine.ApiClient:
        return sunshine.ApiClient(sunshine.Configuration(url, retries=False))

    with pytest.raises(sunshine.ApiTimeoutError) as raised:
        sunshine.AttachmentsApi(client(script(reply).url)).upload_attachment(
            "a", "public", sunshine.Upload(b"x", on_progress=call), _request_timeout=1
        )
    assert raised.value.maybe_sent


def test_an_error_of_the_callback_reaches_the_caller(script: NewScript, upload: Any) -> None:
    def fail(sent: int, total: int | None) -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        upload(script(DONE).url, sunshine.Upload(CONTENT, on_progress=fail))


def test_the_name_of_a_file_cannot_end_its_header(script: NewScript, upload: Any) -> None:
    server = script(DONE)
    upload(server.url, ('a"\r\nX: y', b"x"))
    assert b'filename="a%22%0D%0AX: y"' in server.requests[0]


MEMORY = """
import asyncio, resource, sys
import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
kind, url, path = sys.argv[1:]
configuration = sunshine.Configuration(url, username="a", password="b", retries=False)
async def run():
    async with aio.ApiClient(configuration) as client:
        await aio.AttachmentsApi(client).upload_attachment("a", "public", path)
def call(path):
    if kind == "sync":
        sunshine.AttachmentsApi(sunshine.ApiClient(configuration)).upload_attachment("a", "public", path)
    else:
        asyncio.run(run())
small, path = path + ".small", path
for name in (small, path):
    path = name
    call(path)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_large_file_needs_little_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large.bin"
    (tmp_path / "large.bin.small").write_bytes(b"x")
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    received, tail = 0, b""
                    while not tail.endswith(b"--\r\n"):
                        part = connection.recv(1 << 20)
                        received, tail = received + len(part), (tail + part)[-200:]
                    connection.sendall(DONE)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = subprocess.run(
            [sys.executable, "-c", MEMORY, kind, url, str(path)],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        thread.join(10)
    before, after = map(int, result.stdout.split())
    assert after - before < 10_000, "kB"
