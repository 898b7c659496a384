"""The scanner finds secrets anywhere in a stream, and nothing else."""

from __future__ import annotations

import base64
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.scanning import CHUNK_BYTES, Leak, scan

SECRET = new_secret()
KEY_ID = "int_5d8cff3cd55b040010928b5b"
BASIC = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()


def leaks(content: bytes | str, *, chunk: int = CHUNK_BYTES, git: bool = False) -> list[Leak]:
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
def test_a_secret_is_found_in_any_text(text: str, column: int) -> None:
    content = b"a line\n" + text.format(SECRET).encode("latin-1") + b"\nand another"
    assert leaks(content) == [Leak(2, column, SECRET)]


def test_basic_credentials_are_found_with_their_key_id() -> None:
    for key_id in (KEY_ID, "app" + KEY_ID[3:], "act" + KEY_ID[3:]):
        basic = base64.b64encode(f"{key_id}:{SECRET}".encode()).decode()
        assert leaks(f"curl -H 'Authorization: Basic {basic}' x") == [Leak(1, 31, SECRET, key_id)]
        assert leaks(basic.rstrip("=")) == [Leak(1, 1, SECRET, key_id)]
        assert leaks(basic[:-4]) == []


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
def test_other_text_is_not_reported(text: str) -> None:
    assert leaks(text) == []


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(1, 700), st.booleans())
def test_a_secret_is_found_once_for_every_chunk_size(before: bytes, after: bytes, chunk: int, basic: bool) -> None:
    before, after = before + b" ", b" " + after
    hidden = BASIC if basic else SECRET
    (leak,) = leaks(before + hidden.encode() + after, chunk=chunk)
    line = before.count(b"\n") + 1
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    assert leak == Leak(line, column, SECRET, KEY_ID if basic else None)


def test_a_secret_in_two_chunks_is_found_once() -> None:
    other = new_secret()
    for before in range(CHUNK_BYTES - 90, CHUNK_BYTES + 3):
        content = b" " * before + SECRET.encode() + b"\n" + b"x" * CHUNK_BYTES + b"\n" + other.encode()
        assert leaks(content) == [Leak(1, before + 1, SECRET), Leak(3, 1, other)]


def test_a_line_without_end_takes_constant_memory() -> None:
    parts = iter([b"a", SECRET.encode(), b" ", *[b"x" * CHUNK_BYTES] * 100, b"=" + SECRET.encode()])
    tracemalloc.start()
    try:
        seen = list(scan(lambda size: next(parts, b"")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == [Leak(1, 2, SECRET), Leak(1, 100 * CHUNK_BYTES + 90, SECRET)]
    assert peak < 8 * CHUNK_BYTES


def test_all_secrets_of_a_chunk_are_found() -> None:
    assert leaks(f"{SECRET}\n" * 20_000) == [Leak(line, 1, SECRET) for line in range(1, 20_001)]


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
def test_commit_and_file_are_found_in_the_log_of_git(chunk: int, padding: int) -> None:
    log = LOG.replace("@@ -1 +1 @@\n", "@@ -1 +1 @@\n" + " context\n" * (padding // 9))
    content = log.replace("SECRET", SECRET).encode()
    places = [
        (leak.commit and leak.commit[0], leak.file)
        for leak in leaks(content, chunk=max(chunk, 1 + padding // 99), git=True)
    ]
    assert places == [
        ("1", "old name.py"),
        ("1", "old name.py"),
        ("1", "renamed"),
        ("2", None),
        ("2", "plain"),
        ("2", "merged"),
    ]


def test_a_leak_shows_only_a_part_of_the_secret() -> None:
    (leak,) = leaks(SECRET)
    assert leak.masked_secret == SECRET[:4] + "…"
    assert SECRET[:5] not in f"{leak!r} {leak}"
