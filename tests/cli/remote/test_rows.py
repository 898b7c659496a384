"""The headings of a file from which keys are created."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunshine_keys.cli.remote.rows import read_rows


def names(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "names.csv"
    file.write_bytes(text.encode())
    return [row.name for row in read_rows(file, {})]


@pytest.mark.parametrize(
    "heading", ["displayName", "DisplayName", " display name ", "DISPLAY_NAME", "display-name", "Name", "\ufeffname"]
)
def test_a_heading_is_recognised_without_case_and_blanks(tmp_path: Path, heading: str) -> None:
    assert names(tmp_path, f"{heading}\na\nb\n") == ["a", "b"]


def test_headings_of_owners_are_recognised_without_case_and_blanks(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("App ID, NAME, integration_id\n1, a, 2\n")
    (row,) = read_rows(file, {})
    assert (row.name, dict(row.owners)) == ("a", {"app_id": "1", "integration_id": "2"})


@pytest.mark.parametrize("first", ["Names", "key name", "Title", "appId,label", "description", "ID"])
def test_a_first_row_that_looks_like_a_heading_makes_no_key(
    tmp_path: Path, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        names(tmp_path, f"{first}\na\n")
    assert "looks like a heading" in capsys.readouterr().err


def test_an_unknown_column_is_named_as_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        names(tmp_path, "Name,Colour of it\na,b\n")
    assert "unknown column Colour of it" in capsys.readouterr().err
    assert names(tmp_path, "name\nTitle\n") == ["Title"]
