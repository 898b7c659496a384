"""Write the pages that are generated from the code, or check that they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def keep(name: str, text: str) -> None:
    """Write the page docs/NAME; with --check, exit with a message if its text differs."""
    page = DOCS / name
    if "--check" not in sys.argv[1:]:
        page.write_text(text)
    elif not page.is_file() or page.read_text() != text:
        sys.exit(f"docs/{name} differs from what the code generates. Run make format.")


def table(head: list[str], rows: list[list[str]]) -> str:
    cells = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells) + "\n"
