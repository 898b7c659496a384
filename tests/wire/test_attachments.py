"""The operations on attachments, and the URL that serves them."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from support.messaging import FORM, FORM_HEADERS, chat, create_user, form, post, upload
from support.waiting import wait_until
from support.wire import Answer, Service, Tenant, Wire

DESCRIPTION = Path(__file__).parents[2] / "api" / "openapi-17.12.1.facts.yaml"
GONE = [("not_found", "Attachment not found")]
END = b"--x--\r\n"


@pytest.fixture
def jane(wire: Wire, tenant: Tenant) -> dict[str, Any]:
    return create_user(wire, tenant, externalId="jane")


def send(wire: Wire, tenant: Tenant, content: bytes, query: str = "access=public", **headers: str) -> Answer:
    path = f"{tenant.app}/attachments?{query}"
    named = FORM_HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.send("POST", path, tenant.key, content=content, headers=named)


def remove(wire: Wire, tenant: Tenant, url: str) -> Answer:
    return wire.post(f"{tenant.app}/attachments/remove", tenant.key, {"mediaUrl": url})


def part(name: str = "source", content: bytes = b"Hello!", *headers: str) -> bytes:
    lines = [f'Content-Disposition: form-data; name="{name}"; filename="a.txt"', *headers]
    return "\r\n".join(["--x", *lines, "", ""]).encode() + content + b"\r\n"


def test_the_life_of_an_attachment(wire: Wire, tenant: Tenant) -> None:
    content = bytes(range(256)) * 4096
    answer = send(wire, tenant, form(content, "my file.png", "image/png"))
    assert answer.status == 201
    assert list(answer.json) == ["attachment"]
    url = answer.json["attachment"]["mediaUrl"]
    assert answer.json["attachment"] == {"mediaUrl": url, "mediaType": "image/png"}
    assert url.endswith("/my%20file.png")
    served = wire.get(urlsplit(url).path)
    assert (served.status, served.content) == (200, content)
    assert remove(wire, tenant, url).json == {}
    gone = wire.get(urlsplit(url).path)
    assert (gone.status, gone.errors) == (404, [("not_found", "Attachment not found")])
    assert remove(wire, tenant, url).errors == [("not_found", "Attachment not found")]


def test_every_documented_error_is_answered(wire: Wire, tenant: Tenant) -> None:
    paths = yaml.safe_load(DESCRIPTION.read_text())["paths"]

    def documented(path: str, status: int) -> list[tuple[str, str]]:
        answer = paths[f"/v2/apps/{{appId}}/{path}"]["post"]["responses"][str(status)]
        errors = answer["content"]["application/json"]["examples"]["default"]["value"]["errors"]
        return [(error["code"], error["title"]) for error in errors]

    assert send(wire, tenant, b"no form").errors == documented("attachments", 400)
    foreign = remove(wire, tenant, "https://badhost.com/image.png")
    assert (foreign.status, foreign.errors) == (400, documented("attachments/remove", 400))
    path = upload(wire, tenant, b"x")
    assert remove(wire, tenant, wire.url + path).status == 200
    unknown = remove(wire, tenant, wire.url + path)
    assert (unknown.status, unknown.errors) == (404, documented("attachments/remove", 404))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--x\r\n",
        END,
        part(),
        part()[:-3] + END,
        part("other") + END,
        part() + part() + END,
        part() + part("other") + END,
        b"--y\r\n" + part()[5:] + b"--y--\r\n",
        b"--x\r\n\r\nHello!\r\n" + END,
        part("source", b"") + END,
        part("source", b"x", "Content-Transfer-Encoding: base64") + END,
        part("source", b"x", *(f"X-{number}: x" for number in range(1000))) + END,
        part("source", b"x", "X: " + "x" * 20_000) + END,
    ],
    ids=range(14),
)
def test_malformed_form_is_refused(wire: Wire, tenant: Tenant, service: Service, content: bytes) -> None:
    before = stored(service)
    answer = send(wire, tenant, content)
    assert answer.status == 400
    assert [code for code, _ in answer.errors] == ["bad_request"]
    assert stored(service) == before


def stored(service: Service) -> set[str]:
    """Return the names in the folder of the service's files; none on PostgreSQL."""
    folder = service.data / "attachments"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("application/json", 415),
        ("multipart/mixed; boundary=x", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        (f"multipart/form-data; boundary={'x' * 1000}", 400),
    ],
)
def test_wrong_content_type_is_refused(wire: Wire, tenant: Tenant, type: str, status: int) -> None:
    assert send(wire, tenant, FORM, Content_Type=type).status == status


@pytest.mark.parametrize(
    "query", ["access=private", "access=", "access=public&access=public", "access=public&for=user", "%ff", "for="]
)
def test_wrong_query_is_refused(wire: Wire, tenant: Tenant, query: str) -> None:
    assert send(wire, tenant, FORM, query).status == 400


def test_missing_access_counts_as_public(wire: Wire, tenant: Tenant) -> None:
    assert send(wire, tenant, FORM, "").status == 201


def test_conversation_must_exist(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    foreign = chat(wire, other, create_user(wire, other, externalId="joe"))
    for id in (foreign, "0" * 24, "x", ""):
        answer = send(wire, tenant, FORM, f"access=public&conversationId={id}")
        assert (answer.status, answer.errors) == (404, [("conversation_not_found", "Conversation not found")])


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("a.png", None, "image/png"),
        ("a.png", "text/plain", "text/plain"),
        ("a.png", "IMAGE/JPEG; q=1", "image/jpeg"),
        ("a", "text/plain; charset=UTF-8", "text/plain; charset=utf-8"),
        ("a", None, "application/octet-stream"),
        ("a.png", "image", "image/png"),
        ("a", "x\x00/y", "application/octet-stream"),
        ("a.unknown", "", "application/octet-stream"),
    ],
)
def test_media_type(wire: Wire, tenant: Tenant, name: str, media_type: str | None, expected: str) -> None:
    answer = send(wire, tenant, form(b"x", name, media_type))
    assert answer.json["attachment"]["mediaType"] == expected
    served = wire.get(urlsplit(answer.json["attachment"]["mediaUrl"]).path)
    assert served.headers["content-type"] == expected


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        ("a\tb\u202e.txt", "ab.txt"),
        ("Grüße, 世界.txt", "Grüße, 世界.txt"),
        ("100%.txt", "100%.txt"),
        ("a?b#c.txt", "a?b#c.txt"),
        ("x" * 3000 + ".jpeg", "x" * 123 + ".jpeg"),
        ("x." + "y" * 3000, "x." + "y" * 126),
    ],
)
def test_name_of_a_file(wire: Wire, tenant: Tenant, service: Service, written: str, name: str) -> None:
    path = upload(wire, tenant, b"x", name=written)
    assert unquote(path.rpartition("/")[2]) == name
    served = wire.get(path)
    assert served.content == b"x"
    assert served.headers["content-disposition"].endswith(f"filename*=UTF-8''{path.rpartition('/')[2]}")
    assert all(len(stored_name) == 26 for stored_name in stored(service))


@pytest.mark.parametrize(
    ("media_type", "disposition"),
    [
        ("image/png", "inline"),
        ("image/svg+xml", "attachment"),
        ("audio/mpeg", "inline"),
        ("video/mp4", "inline"),
        ("application/pdf", "inline"),
        ("text/plain", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/xml", "attachment"),
        ("text/javascript", "attachment"),
        ("image/x+xml", "attachment"),
        ("application/octet-stream", "attachment"),
        ("x/y", "attachment"),
    ],
)
def test_browser_runs_no_file(wire: Wire, tenant: Tenant, media_type: str, disposition: str) -> None:
    headers = wire.get(upload(wire, tenant, b"<script>", name="a.html", media_type=media_type)).headers
    assert headers["content-disposition"].partition(";")[0] == disposition
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, 1_000_000),
        ("bytes=-3", 999_997, 1_000_000),
        ("bytes=-2000000", 0, 1_000_000),
        ("bytes=262143-262144", 262_143, 262_145),
        ("bytes=100-600000", 100, 600_001),
        ("bytes=999999-2000000", 999_999, 1_000_000),
    ],
)
def test_range_is_served(wire: Wire, tenant: Tenant, wanted: str, start: int, end: int) -> None:
    content = hashlib.shake_128(b"x").digest(1_000_000)
    answer = wire.get(upload(wire, tenant, content), headers={"Range": wanted})
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1000000"
    assert answer.content == content[start:end]


def test_other_ranges(wire: Wire, tenant: Tenant) -> None:
    path = upload(wire, tenant, b"Hello!")
    for wanted in ("bytes=6-", "bytes=-0", "bytes=99-100"):
        answer = wire.get(path, headers={"Range": wanted})
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */6")
        assert answer.errors == [("range_not_satisfiable", "Range not satisfiable")]
    for wanted in ("bytes=0-0,2-3", "bytes=3-2", "bytes=-", "lines=0-0", "x"):
        answer = wire.get(path, headers={"Range": wanted})
        assert (answer.status, answer.content) == (200, b"Hello!")
    changed = wire.get(path, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert (changed.status, changed.content) == (200, b"Hello!")


def test_unchanged_file_is_not_sent_once_more(wire: Wire, tenant: Tenant) -> None:
    path = upload(wire, tenant, b"Hello!")
    tag = wire.get(path).headers["etag"]
    for condition in (tag, f'"x", W/{tag}', "*"):
        answer = wire.get(path, headers={"If-None-Match": condition})
        assert (answer.status, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert wire.get(path, headers={"If-None-Match": '"x"'}).status == 200


def test_head_and_other_methods(wire: Wire, tenant: Tenant) -> None:
    path = upload(wire, tenant, b"Hello!" * 100_000)
    answer = wire.send("HEAD", path)
    assert (answer.status, answer.headers["content-length"], answer.content) == (200, "600000", b"")
    assert wire.send("HEAD", path, headers={"Range": "bytes=0-0"}).status == 200
    refused = wire.post(path)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_only_the_whole_url_is_served(wire: Wire, tenant: Tenant) -> None:
    path = upload(wire, tenant, b"Hello!")
    id = path.split("/")[3]
    for wrong in (f"/attachments/v2/{id}/other.txt", f"/attachments/v2/{'0' * 26}/notes.txt", "/attachments/v2/x/y"):
        assert wire.get(wrong).errors == GONE
    for wrong in (f"/attachments/v2/{id}", "/attachments", f"{path}/x", f"/attachments/v2/{id}/%2e%2e/notes.txt"):
        assert wire.get(wrong).status == 404
    assert wire.get(f"/sc{path}").content == b"Hello!"


def test_url_has_the_base_path_of_the_upload(wire: Wire, tenant: Tenant) -> None:
    target = f"/sc{tenant.app}/attachments?access=public"
    answer = wire.send("POST", target, tenant.key, content=FORM, headers=FORM_HEADERS)
    url = answer.json["attachment"]["mediaUrl"]
    assert url.startswith(f"{wire.url}/sc/attachments/v2/")
    assert wire.get(urlsplit(url).path).content == b"Hello!"
    assert remove(wire, tenant, url).status == 200


def test_another_app_cannot_delete_a_file(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    path = upload(wire, tenant, b"Hello!")
    answer = remove(wire, other, wire.url + path)
    assert (answer.status, answer.errors) == (404, GONE)
    assert wire.get(path).status == 200


@pytest.mark.parametrize("url", ["", "x", "ftp://badhost.com/x", "https://badhost.com", "http://[", "//badhost.com/x"])
def test_foreign_url_cannot_be_deleted(wire: Wire, tenant: Tenant, url: str) -> None:
    title = f"Unsupported media URL for attachment deletion: {url}"
    assert remove(wire, tenant, url).errors == [("bad_request", title)]


def test_legacy_url_of_this_host_is_not_there(wire: Wire, tenant: Tenant) -> None:
    for path in ("/image.png", "/attachments/v2/x/y", "/"):
        assert remove(wire, tenant, wire.url + path).errors == GONE


def test_largest_file_fits(wire: Wire, tenant: Tenant) -> None:
    content = hashlib.shake_128(b"x").digest(2**20) * 50
    path = upload(wire, tenant, content)
    assert wire.get(path).content == content


def test_larger_file_is_refused(wire: Wire, tenant: Tenant, service: Service) -> None:
    before = stored(service)
    answer = send(wire, tenant, form(b"x" * (50 * 2**20 + 1)))
    assert (answer.status, answer.errors) == (413, [("payload_too_large", "Uploads are limited to 50 MB")])
    assert stored(service) == before


def test_endless_upload_is_refused(wire: Wire, tenant: Tenant, service: Service) -> None:
    before = stored(service)
    with socket.create_connection(urlsplit(wire.url).netloc.split(":"), timeout=60) as connection:
        head = f"POST {tenant.app}/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.key.basic()}\r\n"
        head += "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        piece = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        try:
            for _ in range(60):
                connection.sendall(piece)
        except OSError:
            pass  # the service has closed its side
        assert b" 400 " in connection.recv(65536).split(b"\r\n")[0]
    assert stored(service) == before


def test_client_that_hangs_up_leaves_nothing(wire: Wire, tenant: Tenant, service: Service) -> None:
    before = stored(service)
    with socket.create_connection(urlsplit(wire.url).netloc.split(":"), timeout=60) as connection:
        head = f"POST {tenant.app}/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.key.basic()}\r\n"
        head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + part()[:-2] + b"x" * 300_000)
        if service.place.database is None:
            wait_until(lambda: len(stored(service)) == len(before) + 1)
    wait_until(lambda: stored(service) == before)


def test_repeated_upload_is_stored_once(wire: Wire, tenant: Tenant, service: Service) -> None:
    first = send(wire, tenant, FORM, Idempotency_Key="a")
    before = stored(service)
    repeated = send(wire, tenant, FORM, Idempotency_Key="a")
    assert (repeated.status, repeated.json) == (201, first.json)
    assert repeated.headers["idempotency-replayed"] == "true"
    assert stored(service) == before
    other = send(wire, tenant, form(b"Other"), Idempotency_Key="a")
    assert other.status == 409
    assert stored(service) == before
    assert wire.get(urlsplit(first.json["attachment"]["mediaUrl"]).path).content == b"Hello!"


def show(wire: Wire, tenant: Tenant, conversation: str, path: str) -> str:
    """Post a message that shows a file. Return its id."""
    content = {"type": "file", "mediaUrl": wire.url + path}
    return str(post(wire, tenant, conversation, {"author": {"type": "business"}, "content": content})["id"])


def test_file_goes_with_its_message(wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> None:
    conversation = chat(wire, tenant, jane)
    messages = f"{tenant.conversations}/{conversation}/messages"
    bound = [upload(wire, tenant, b"x", f"for=message&conversationId={conversation}") for _ in range(3)]
    free = upload(wire, tenant, b"x")
    ids = [show(wire, tenant, conversation, path) for path in (*bound, free)]
    assert wire.delete(f"{messages}/{ids[0]}", tenant.key).status == 200
    assert [wire.get(path).status for path in (*bound, free)] == [404, 200, 200, 200]
    assert wire.delete(f"{messages}/{ids[3]}", tenant.key).status == 200
    assert [wire.get(path).status for path in (*bound, free)] == [404, 200, 200, 200]
    assert wire.delete(messages, tenant.key).status == 200
    assert [wire.get(path).status for path in (*bound, free)] == [404, 404, 404, 200]


def test_message_of_another_app_does_not_take_a_file(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    path = upload(wire, tenant, b"x", "for=message")
    conversation = chat(wire, other, create_user(wire, other, externalId="joe"))
    id = show(wire, other, conversation, path)
    assert wire.delete(f"{other.conversations}/{conversation}/messages/{id}", other.key).status == 200
    assert wire.get(path).status == 200


def test_file_goes_with_its_conversation_and_its_user(wire: Wire, tenant: Tenant, jane: dict[str, Any]) -> None:
    joe = create_user(wire, tenant, externalId="joe")
    group, personal = chat(wire, tenant, jane, joe), chat(wire, tenant, jane)
    in_group = upload(wire, tenant, b"x", f"for=message&conversationId={group}")
    of_user = upload(wire, tenant, b"x", f"for=message&conversationId={personal}")
    free = upload(wire, tenant, b"x", f"conversationId={personal}")
    assert wire.delete(f"{tenant.users}/jane", tenant.key).status == 200
    assert [wire.get(path).status for path in (in_group, of_user, free)] == [200, 404, 200]
    assert wire.delete(f"{tenant.conversations}/{group}", tenant.key).status == 200
    assert wire.get(in_group).status == 404


def test_every_file_goes_with_its_app(wire: Wire, tenant: Tenant, service: Service) -> None:
    path = upload(wire, tenant, b"x")
    assert wire.delete(tenant.app, service.account).status == 200
    assert wire.get(path).errors == GONE
