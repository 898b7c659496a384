"""Queries and bodies that no covered operation has yet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._encoding import multipart_body, query_pairs


def test_plain_and_nested_query_parameters() -> None:
    parameters: Any = {"access": None, "for": None, "page": sunshine.Page}
    values = {"access": "public", "for": None, "page": {"size": 3}}
    assert query_pairs(parameters, values) == [("access", "public"), ("page[size]", "3")]


@pytest.mark.parametrize("value", [["a"], ("a",), {"a"}, {"a": "b"}, b"a"])
def test_a_value_that_a_query_cannot_hold_is_rejected(value: Any) -> None:
    for parameters, values in (({"for": None}, {"for": value}), ({"page": sunshine.Page}, {"page": {"colour": value}})):
        with pytest.raises(sunshine.ApiArgumentError, match="should be text or a number"):
            query_pairs(parameters, values)  # type: ignore[arg-type]  # both are valid


@pytest.mark.parametrize("form", ["path", "PathLike", "pair", "triple", "bytes"])
def test_every_form_of_a_file_is_sent(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x00\r\n--")
    forms = {
        "path": str(path),
        "PathLike": path,
        "pair": ("a.png", path.read_bytes()),
        "triple": ("a.png", path.read_bytes(), "image/png"),
        "bytes": path.read_bytes(),
    }
    body, kind = multipart_body({"source": forms[form]})
    boundary = re.fullmatch("multipart/form-data; boundary=([0-9a-f]{32})", kind)
    assert boundary
    name, media = ("source", "application/octet-stream") if form == "bytes" else ("a.png", "image/png")
    assert body.decode("latin-1") == (
        f"--{boundary[1]}\r\n"
        f'Content-Disposition: form-data; name="source"; filename="{name}"\r\n'
        f"Content-Type: {media}\r\n\r\n\x00\r\n--\r\n--{boundary[1]}--\r\n"
    )


@pytest.mark.parametrize("invalid", [None, 5, [], ("a", "text"), ("a",), ("a", b"x", "image/png\r\nX: y")])
def test_invalid_files_are_rejected(invalid: Any) -> None:
    with pytest.raises(sunshine.ApiArgumentError):
        multipart_body({"source": invalid})


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        multipart_body({"source": str(tmp_path / "none.png")})


def test_name_of_a_file_cannot_end_its_header() -> None:
    body, _ = multipart_body({"source": ('a"\r\nX: y', b"")})
    assert b'filename="a%22%0D%0AX: y"' in body
