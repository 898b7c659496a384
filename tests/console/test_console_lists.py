"""Lists of apps and integrations: search by name and id over all pages, and who is signed in."""

from __future__ import annotations

import re

import pytest
from support.visitor import Page, Visitor
from support.wire import Service, Tenant, Wire

from sunshine_keys.console import lists


def names(page: Page) -> list[str]:
    assert page.status == 200, page.text
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', page.html)


def link(page: Page, rel: str) -> str:
    match = re.search(rf'href="([^"]*)" rel="{rel}"', page.html)
    return match[1].replace("&amp;", "&") if match else ""


@pytest.fixture
def many(tenant: Tenant, wire: Wire) -> list[str]:
    """Add 70 integrations to the app. Return the names of those with the word Even, the oldest first."""
    for number in range(70):
        name = f"{'Even' if number % 2 == 0 else 'odd'} {number:02}"
        wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "web", "displayName": name})
    return [f"Even {number:02}" for number in range(0, 70, 2)]


def test_search_finds_names_on_all_pages_in_both_directions(member: Visitor, tenant: Tenant, many: list[str]) -> None:
    first = member.get(f"/console/apps/{tenant.app_id}?search=eVEN")
    assert names(first) == many[:25] and link(first, "prev") == ""
    second = member.get(link(first, "next"))
    assert names(second) == many[25:] and link(second, "next") == ""
    assert 'value="eVEN"' in second.html
    assert names(member.get(link(second, "prev"))) == many[:25]


def test_search_finds_a_part_of_an_id(member: Visitor, owner: Visitor, tenant: Tenant) -> None:
    assert names(member.get(f"/console/apps/{tenant.app_id}?search={tenant.integration_id[3:]}")) == ["Mine"]
    page = owner.get(f"/console/apps?search={tenant.app_id}")
    assert tenant.app_id in page.html and len(names(page)) == 1


def test_search_ignores_case_and_composition_of_all_letters(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    wire.post("/v2/apps", tenant.account, {"displayName": "Gr\u00fc\u00dfe aus Z\u00dcRICH"})
    for search in ("GR\u00dcSSE", "zu\u0308rich", "%C3%BC%C3%9F"):
        query = search if "%" in search else "".join(f"%{byte:02x}" for byte in search.encode())
        assert names(owner.get(f"/console/apps?search={query}")) == ["Gr\u00fc\u00dfe aus Z\u00dcRICH"], search


def test_search_without_a_match_leads_back_to_the_list(owner: Visitor, tenant: Tenant) -> None:
    page = owner.get("/console/apps?search=%22%3E%25_nothing")
    assert names(page) == [] and 'No name and no id of apps contains “">%_nothing”.' in page.text
    assert '<a href="/console/apps">Show all</a>' in page.html


def test_search_that_reads_much_ends_early_and_goes_on(
    member: Visitor, tenant: Tenant, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SEARCHED", 20)
    monkeypatch.setattr(lists, "_AT_ONCE", 10)
    page = member.get(f"/console/apps/{tenant.app_id}?search=Even+6")
    assert names(page) == [] and "The search has not read all integrations yet." in page.text
    seen = []
    while after := link(page, "next"):
        page = member.get(after)
        seen += names(page)
    assert seen == [name for name in many if name.startswith("Even 6")]
    while before := link(page, "prev"):
        page = member.get(before)
        seen += names(page)
    assert sorted(set(seen)) == sorted(name for name in many if name.startswith("Even 6"))


def test_short_list_has_no_search(member: Visitor, tenant: Tenant) -> None:
    assert 'role="search"' not in member.get(f"/console/apps/{tenant.app_id}").html


def test_creation_comes_before_the_list(owner: Visitor, tenant: Tenant) -> None:
    for path in ("/console/apps", f"/console/apps/{tenant.app_id}"):
        html = owner.get(path).html
        assert html.index('class="creation"') < html.index("<table")


def test_header_names_the_key_and_its_scope(owner: Visitor, member: Visitor, service: Service, tenant: Tenant) -> None:
    def signed_in(visitor: Visitor) -> str:
        page = visitor.get(f"/console/apps/{tenant.app_id}")
        header = re.search('<form class="who".*?</form>', page.html, re.DOTALL)
        assert header
        return Page(200, {}, [], header[0]).text

    assert signed_in(owner) == "Signed in as Account key Account Sign out"
    assert signed_in(member) == "Signed in as An app key App An app Sign out"
