"""Secrets are found wherever they are in a stream, and nothing else is."""

from __future__ import annotations

import base64
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.scanning import CHUNK_BYTES, Found, scan

SECRET = new_secret()
KEY_ID = "int_5d8cff3cd55b040010928b5b"
BASIC = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()


def found(content: bytes | str, *, chunk: int = CHUNK_BYTES, git: bool = False) -> list[Found]:
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return list(scan(lambda size: stream.read(min(size, chunk)), git=git))


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("{}", 1),
        ('"secret": "{}",', 12),
        ("SECRET={}", 8),
        ("int_1:{}@host", 7),
        ("<{}>", 2),
        ("-{}", 2),  # a line that git shows as removed
        ("{}--", 1),
        ("secret%3A{}", 10),
        ("first\\n{}\\n", 8),
        (f"{KEY_ID}_{{}}", 30),
        ("\x1b[32m{}\x1b[0m", 6),
        ("\0{}\xff", 2),
    ],
)
def test_a_secret_is_found_whatever_stands_around_it(text: str, column: int) -> None:
    content = b"a line\n" + text.format(SECRET).encode("latin-1") + b"\nand another"
    assert found(content) == [Found(2, column, SECRET)]


def test_basic_credentials_are_found_with_their_key_id() -> None:
    for key_id in (KEY_ID, "app" + KEY_ID[3:], "act" + KEY_ID[3:]):
        basic = base64.b64encode(f"{key_id}:{SECRET}".encode()).decode()
        assert found(f"curl -H 'Authorization: Basic {basic}' x") == [Found(1, 31, SECRET, key_id)]
        assert found(basic.rstrip("=")) == [Found(1, 1, SECRET, key_id)]
        assert found(basic[:-4]) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("A" * 86, id="one letter"),
        pytest.param(SECRET[:-1], id="cut short"),
        pytest.param(SECRET[:-1] + ("A" if SECRET[-1] != "A" else "Q"), id="another end"),
        pytest.param(SECRET[:40] + "\n" + SECRET[40:], id="on two lines"),
        pytest.param("A" * 100 + SECRET + "A" * 100, id="in a longer word"),
        pytest.param(SECRET * 3, id="three times over"),
        pytest.param(base64.b64encode(f"{KEY_ID}:{'A' * 86}".encode()).decode(), id="Basic without one"),
        pytest.param(base64.b64encode(f"{KEY_ID}!{SECRET}".encode()).decode(), id="Basic without a colon"),
    ],
)
def test_what_is_no_secret_is_not_found(text: str) -> None:
    assert found(text) == []


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(1, 700), st.booleans())
def test_however_a_stream_is_cut_it_is_found_once(before: bytes, after: bytes, chunk: int, basic: bool) -> None:
    before, after = before + b" ", b" " + after
    hidden = BASIC if basic else SECRET
    (one,) = found(before + hidden.encode() + after, chunk=chunk)
    line = before.count(b"\n") + 1
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    assert one == Found(line, column, SECRET, KEY_ID if basic else None)


def test_one_that_straddles_two_chunks_is_found_once() -> None:
    other = new_secret()
    for before in range(CHUNK_BYTES - 90, CHUNK_BYTES + 3):
        content = b" " * before + SECRET.encode() + b"\n" + b"x" * CHUNK_BYTES + b"\n" + other.encode()
        assert found(content) == [Found(1, before + 1, SECRET), Found(3, 1, other)]


def test_an_endless_line_takes_no_more_memory_than_a_chunk() -> None:
    parts = iter([b"a", SECRET.encode(), b" ", *[b"x" * CHUNK_BYTES] * 100, b"=" + SECRET.encode()])
    tracemalloc.start()
    try:
        seen = list(scan(lambda size: next(parts, b"")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == [Found(1, 2, SECRET), Found(1, 100 * CHUNK_BYTES + 90, SECRET)]
    assert peak < 8 * CHUNK_BYTES


def test_many_in_one_chunk_are_all_told() -> None:
    assert found(f"{SECRET}\n" * 20_000) == [Found(line, 1, SECRET) for line in range(1, 20_001)]


LOG = """\
commit 1111111111111111111111111111111111111111
Author: A <a@example.com>

    A message that quotes
    commit 3333333333333333333333333333333333333333

diff --git a/old name.py b/old name.py
--- a/old name.py
+++ b/old name.py
@@ -1 +1 @@
-SECRET
+commit 3333333333333333333333333333333333333333
+SECRET
diff --git a/x b/renamed
similarity index 60%
@@ -1 +1 @@
+SECRET

commit 2222222222222222222222222222222222222222 (HEAD -> main)

    SECRET

diff --git plain plain
+SECRET
diff --cc merged
++SECRET
"""


@pytest.mark.parametrize("chunk", [1, 7, 100, CHUNK_BYTES])
@pytest.mark.parametrize("padding", [0, 40_000])
def test_in_git_s_log_the_commit_and_the_file_are_told(chunk: int, padding: int) -> None:
    log = LOG.replace("@@ -1 +1 @@\n", "@@ -1 +1 @@\n" + " context\n" * (padding // 9))
    content = log.replace("SECRET", SECRET).encode()
    places = [
        (each.commit and each.commit[0], each.file)
        for each in found(content, chunk=max(chunk, 1 + padding // 99), git=True)
    ]
    assert places == [
        ("1", "old name.py"),
        ("1", "old name.py"),
        ("1", "renamed"),
        ("2", None),
        ("2", "plain"),
        ("2", "merged"),
    ]


def test_what_is_found_is_not_shown_whole() -> None:
    (one,) = found(SECRET)
    assert one.shown == SECRET[:4] + "…"
    assert SECRET[:5] not in f"{one!r} {one}"
