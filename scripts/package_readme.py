"""The README as package indexes show it: without links into the repository, and without its pictures, which are not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_INTERNAL_IMAGE = re.compile(r"^!\[[^\]]*\]\((?![a-z]+:)[^)]*\)\n\n", re.MULTILINE)
_INTERNAL_LINK = re.compile(r"\[([^\]]+)\]\((?![a-z]+:|#)[^)]*\)")


class PackageReadme(MetadataHookInterface):
    """Hatchling's hook: it sets the metadata field `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": without_internal_links(text)}


def without_internal_links(text: str) -> str:
    """Return Markdown without relative images, in which each relative link is its text. Other links stay."""
    return _INTERNAL_LINK.sub(r"\1", _INTERNAL_IMAGE.sub("", text))
