"""The site that `make docs` builds: it has no warnings, no broken links, and loads nothing from other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]


class Links(HTMLParser):
    """The ids, links and resources of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.leads_to: set[str] = set()
        self.loads: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name in ("href", "src", "srcset", "data", "poster", "action"):
                (self.leads_to if tag == "a" else self.loads).add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    options = ["-W", "--keep-going", "-q", "-E", "-b", "html", "-d", str(tmp_path_factory.mktemp("doctrees"))]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(built)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {page: Links(page.read_text()) for page in site.rglob("*.html") if "_static" not in page.parts}


def test_every_page_is_in_its_contents(site: Path, pages: dict[Path, Links]) -> None:
    written = {page.with_suffix(".html").relative_to(ROOT / "docs") for page in (ROOT / "docs").glob("*.md")}
    led_to = {Path(urlsplit(target).path) for target in pages[site / "index.html"].leads_to}
    assert len(written) > 15
    assert written - led_to - {Path("index.html")} == set()


def test_its_links_lead_somewhere(site: Path, pages: dict[Path, Links]) -> None:
    followed = 0
    for page, links in pages.items():
        for target in links.leads_to | links.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = page if not parts.path else Path(page.parent / unquote(parts.path)).resolve()
            assert there.exists(), f"{page.name} leads to {target}"
            if parts.fragment and there in pages:
                assert unquote(parts.fragment) in pages[there].ids | {""}, f"{page.name} leads to {target}"
            followed += 1
    assert followed >= len(pages) > 0


def test_it_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Links]) -> None:
    loaded = {target for links in pages.values() for target in links.loads}
    assert any(".css" in target for target in loaded)
    assert [target for target in loaded if re.match(r"(\w+:)?//", target)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text()), style.name
