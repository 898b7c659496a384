"""How `make docs` makes a site of these pages. They are plain Markdown; the site's contents are the lists of index.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

project = "Sunshine Keys"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
html_show_sourcelink = False
html_copy_source = False
myst_heading_anchors = 3
# Code here is in Python, shell and SQL, marked where it is; what is not marked is to be read.
highlight_language = "none"


_OUTSIDE = re.compile(r"\[([^\]]+)\]\((\.\./[^)]+\.md)\)")
"""A link to Markdown that is no page here: on the site it gives the file."""


def read(_app: Any, name: str, source: list[str]) -> None:
    """Make the sidebar's contents of index.md: a part for each heading, and what no list names at the end."""
    if "/" not in name:
        source[0] = _OUTSIDE.sub(r"{download}`\1 <\2>`", source[0])
    if name != "index":
        return
    listed: set[str] = set()
    for section in source[0].split("\n## ")[1:]:
        pages = re.findall(r"^- \[.*?\]\((\S+?)\.md\)", section, re.MULTILINE)
        listed |= set(pages)
        source[0] += _contents(section.partition("\n")[0], pages)
    if others := sorted({page.stem for page in Path(__file__).parent.glob("*.md")} - listed - {"index"}):
        source[0] += _contents("More", others)


def _contents(caption: str, pages: list[str]) -> str:
    return "\n".join([f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n", *pages, "```\n"])


def setup(app: Any) -> None:
    app.connect("source-read", read)
