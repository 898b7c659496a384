"""Pages that are written from the code: put in their place, or held against what they would be."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def keep(name: str, made: str) -> None:
    """Write the page docs/NAME; with --check, fail where it is not what would be written."""
    page = DOCS / name
    if "--check" not in sys.argv[1:]:
        page.write_text(made)
    elif not page.is_file() or page.read_text() != made:
        sys.exit(f"docs/{name} is not what the code is: run make format")


def table(head: list[str], rows: list[list[str]]) -> str:
    cells = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells) + "\n"
