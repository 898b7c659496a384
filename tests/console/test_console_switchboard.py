"""The pages about the switchboard of an app and the control of its conversations."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.messaging import TEXT, chat, create_integration, create_switchboard, create_user, post
from support.stores import STORES
from support.visitor import Page, Visitor
from support.wire import Service, Tenant, Wire, make_tenant

pytestmark = pytest.mark.parametrize("service", STORES, indirect=True, scope="session")


def board_of(tenant: Tenant) -> str:
    return f"/console/apps/{tenant.app_id}/switchboard"


def entries(wire: Wire, tenant: Tenant) -> dict[str, dict[str, Any]]:
    """Return the entries of the app's switchboard by name."""
    (board,) = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"]
    path = f"{tenant.app}/switchboards/{board['id']}/switchboardIntegrations"
    listed = wire.get(path, tenant.app_key).json["switchboardIntegrations"]
    return {entry["name"]: entry for entry in listed}


def switchboard(wire: Wire, tenant: Tenant) -> dict[str, Any]:
    (board,) = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"]
    return dict(board)


def chain_of(page: Page) -> list[str]:
    """Return the names of the entries in the chains, in their order."""
    return re.findall(r'<li[^>]*><a href="[^"]*"><bdi>([^<]*)</bdi>', page.html)


def test_a_click_lets_a_bot_hand_over_to_agents(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    page = member.get(board_of(tenant))
    assert "Let your bot hand over to agents" in page.text
    sent, repeated = (member.submit(page, "/switchboard") for _ in range(2))  # the only integration is marked already
    assert sent.status == 303
    shown = member.follow(sent)
    assert "Switchboard created and turned on." in shown.text and chain_of(shown) == ["Mine", "agents"]
    listed, board = entries(wire, tenant), switchboard(wire, tenant)
    assert board["enabled"] and board["defaultSwitchboardIntegrationId"] == listed["Mine"]["id"]
    assert listed["Mine"]["integrationId"] == tenant.integration_id
    assert listed["Mine"]["nextSwitchboardIntegrationId"] == listed["agents"]["id"]
    assert listed["agents"]["integrationType"] == "zd:agentWorkspace"
    assert repeated.status == 303 and len(entries(wire, tenant)) == 2


def test_chosen_integrations_follow_each_other_under_names_of_their_own(
    member: Visitor, wire: Wire, tenant: Tenant
) -> None:
    others = [create_integration(wire, tenant, ["conversation:message"]) for _ in range(3)]
    for id in others[:2]:
        wire.patch(f"{tenant.app}/integrations/{id}", tenant.app_key, {"displayName": "agents"})
    page = member.get(board_of(tenant))
    refused = member.submit(page, "/switchboard")
    assert refused.status == 422 and "Choose an integration" in refused.of("integration-fault")
    chosen = {f"integration-{id}": "on" for id in (*others[:2], tenant.integration_id)}
    shown = member.follow(member.submit(page, "/switchboard", **chosen))
    assert chain_of(shown) == ["Mine", "agents 2", "agents 3", "agents"]


def test_app_with_a_switchboard_gets_no_second(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    stale = member.get(board_of(tenant))
    create_switchboard(wire, tenant)
    refused = member.submit(stale, "/switchboard")
    assert refused.status == 422 and "The app has a switchboard already." in refused.text
    assert len(entries(wire, tenant)) == 3


def test_app_without_a_bot_says_what_to_do(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    wire.delete(tenant.integration, tenant.app_key)
    assert "Create an integration of type custom" in member.get(board_of(tenant)).text


def test_switchboard_is_turned_off_and_on(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    for value, notice, is_on in (("off", "turned off", False), ("on", "turned on", True)):
        page = member.get(board_of(tenant))
        shown = member.follow(member.submit(page, "/enabled", enabled=value))
        assert f"Switchboard {notice}." in shown.text and switchboard(wire, tenant)["enabled"] is is_on


def test_switchboard_without_a_default_is_not_turned_on(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    wire.post(f"{tenant.app}/switchboards", tenant.app_key)
    page = member.get(board_of(tenant))
    assert "There are no entries yet." in page.text
    refused = member.submit(page, "/enabled", enabled="on")
    assert refused.status == 422 and "A switchboard needs a default entry. Choose the default first." in refused.text


def test_entries_are_added_changed_and_removed(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    page = member.get(board_of(tenant))
    assert chain_of(page) == ["bot", "human", "other"] and "then bot" in page.text
    form = page.form("/entries").fields | {
        "entry-name": "<b>answers</b>",
        "integration": "zd:answerBot",
        "history": "3",
    }
    following = entries(wire, tenant)["human"]["id"]
    shown = member.follow(member.post(f"{board_of(tenant)}/entries", form | {"next": following}))
    assert "Entry added." in shown.text and "<b>answers</b>" in shown.text and "<b>" not in shown.html
    entry = entries(wire, tenant)["<b>answers</b>"]
    assert (entry["nextSwitchboardIntegrationId"], entry["messageHistoryCount"]) == (following, 3)

    path = f"{board_of(tenant)}/entries/{entry['id']}"
    edited = member.get(path).form(path).fields
    assert (edited["entry-name"], edited["history"]) == ("<b>answers</b>", "3")
    edited.pop("standby", None)
    shown = member.follow(member.post(path, edited | {"entry-name": "answers", "next": "", "history": ""}))
    assert "Entry changed." in shown.text
    changed = entries(wire, tenant)["answers"]
    assert changed["id"] == entry["id"] and changed["deliverStandbyEvents"] is False
    assert "nextSwitchboardIntegrationId" not in changed and "messageHistoryCount" not in changed

    shown = member.follow(member.submit(member.get(f"{path}/delete"), "/delete", name="answers"))
    assert "Entry removed." in shown.text and "answers" not in entries(wire, tenant)
    assert member.get(path).status == 404


@pytest.mark.parametrize(
    ("fields", "id", "fault"),
    [
        ({"entry-name": ""}, "entry-name", "The name is empty."),
        ({"entry-name": "x" * 129}, "entry-name", "The name has 129 characters. Use at most 128."),
        ({"entry-name": "bot"}, "entry-name", "Another entry has this name."),
        ({"entry-name": "next"}, "entry-name", "The API uses this name for the next entry."),
        ({"integration": ""}, "integration", "Choose an integration."),
        ({"history": "11"}, "history", "Enter a number from 1 to 10, or nothing."),
        ({"history": "x"}, "history", "Enter a number from 1 to 10, or nothing."),
    ],
)
def test_fault_of_an_entry_is_explained_beside_its_field(
    member: Visitor, wire: Wire, tenant: Tenant, fields: dict[str, str], id: str, fault: str
) -> None:
    create_switchboard(wire, tenant)
    valid = {"entry-name": "answers", "integration": "zd:answerBot", "history": "5"}
    form = member.get(board_of(tenant)).form("/entries").fields | valid | fields
    page = member.post(f"{board_of(tenant)}/entries", form)
    assert page.status == 422 and fault in page.of(f"{id}-fault")
    assert len(entries(wire, tenant)) == 3


def test_refusals_of_changed_entries_are_sentences(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    listed = entries(wire, tenant)
    removal = f"{board_of(tenant)}/entries/{listed['bot']['id']}/delete"
    refused = member.submit(member.get(removal), "/delete", name="bot")
    assert refused.status == 422 and "A switchboard needs a default entry." in refused.text
    removal = f"{board_of(tenant)}/entries/{listed['human']['id']}/delete"
    refused = member.submit(member.get(removal), "/delete", name="human")
    assert "Another entry passes control on to this one." in refused.text
    refused = member.submit(member.get(removal), "/delete", name="bot")
    assert "Nothing was deleted" in refused.text
    path = f"{board_of(tenant)}/entries/{listed['other']['id']}"
    form = member.get(path).form(path).fields
    refused = member.post(path, form | {"next": listed["other"]["id"]})
    assert refused.status == 422 and "An entry cannot pass control on to itself." in refused.text
    refused = member.post(path, form | {"next": "0" * 24})
    assert refused.status == 422 and "has been removed meanwhile" in refused.text
    form = member.get(board_of(tenant)).form("/entries").fields
    body = {"entry-name": "twice", "integration": tenant.integration_id}
    refused = member.post(f"{board_of(tenant)}/entries", form | body)
    assert refused.status == 422 and "The integration has an entry already." in refused.text
    refused = member.post(f"{board_of(tenant)}/entries", form | body | {"integration": "0" * 24})
    assert refused.status == 422 and "The integration has been deleted meanwhile." in refused.text
    assert entries(wire, tenant) == listed


def test_default_is_another_entry_from_then_on(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    other = entries(wire, tenant)["other"]["id"]
    fields = member.get(board_of(tenant)).form("/enabled").fields
    shown = member.follow(member.post(f"{board_of(tenant)}/default", fields | {"entry": other}))
    assert "Default changed." in shown.text and chain_of(shown)[0] == "other"
    assert switchboard(wire, tenant)["defaultSwitchboardIntegrationId"] == other
    refused = member.post(f"{board_of(tenant)}/default", fields | {"entry": "0" * 24})
    assert refused.status == 422 and "There is no such entry." in refused.text


def test_deleted_integration_of_an_entry_is_marked(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    human = entries(wire, tenant)["human"]
    assert wire.delete(f"{tenant.app}/integrations/{human['integrationId']}", tenant.app_key).status == 200
    page = member.get(board_of(tenant))
    assert page.status == 200 and f"deleted {human['integrationId']}" in page.text
    assert member.get(f"{board_of(tenant)}/entries/{human['id']}").status == 200


def test_switchboard_is_deleted_after_a_confirmation(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    page = member.get(f"{board_of(tenant)}/delete")
    assert "Nothing was deleted" in member.submit(page, "/delete", name="x").text
    shown = member.follow(member.submit(page, "/delete", name="An app"))
    assert "Switchboard deleted, with its entries." in shown.text
    assert member.get(f"{board_of(tenant)}/delete").status == 404
    assert member.post(f"{board_of(tenant)}/enabled", page.form("/delete").fields).status == 404


def test_control_is_passed_offered_accepted_and_released_by_hand(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    jane = create_user(wire, tenant)
    conversation = chat(wire, tenant, jane)
    listed = entries(wire, tenant)
    path = f"{board_of(tenant)}/{conversation}"
    found_by_id = member.get(f"{board_of(tenant)}?conversation=%20{conversation}")
    page = member.follow(found_by_id)
    assert (page.of("active"), page.of("pending")) == ("bot", "")
    assert f'href="/console/apps/{tenant.app_id}/chat/{conversation}"' in page.html

    for action, entry, notice, control in (
        ("offer", listed["human"]["id"], "Control offered.", ("bot", "human")),
        ("accept", "", "Control accepted.", ("human", "")),
        ("pass", "next", "Control passed.", ("bot", "")),
        ("pass", listed["other"]["id"], "Control passed.", ("other", "")),
        ("release", "", "Control released.", ("", "")),
    ):
        fields = {"entry": entry} if entry else {}
        page = member.follow(member.submit(page, f"/{action}", **fields))
        assert notice in page.text and (page.of("active"), page.of("pending")) == control
    post(wire, tenant, conversation, TEXT | {"author": {"type": "user", "userId": jane["id"]}})
    page = member.get(path)
    assert page.of("active") == "bot"
    happened = re.findall(r'<td data-label="What"><div>(.*?)</div></td>', page.html)
    assert [re.sub("<[^>]*>", "", text).strip() for text in happened] == [
        "bot got control as the default",
        "control released",
        "control passed to other",
        "control passed to bot",
        "human accepted control",
        "control offered to human",
        "bot got control as the default",
    ]


def test_refusals_of_control_are_sentences(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    listed = entries(wire, tenant)
    conversation = chat(wire, tenant, create_user(wire, tenant))
    path = f"{board_of(tenant)}/{conversation}"
    page = member.get(path)
    for action, fields, refusal in (
        ("accept", {}, "Nobody has been offered control, so it cannot be accepted. Offer it first."),
        ("offer", {"entry": listed["bot"]["id"]}, "This entry has control already. Offer control to another one."),
        ("pass", {"entry": "0" * 24}, "There is no such entry."),
    ):
        refused = member.submit(page, f"/{action}", **fields)
        assert refused.status == 422 and refusal in refused.text, action
    for action in ("pass", "offer"):
        refused = member.submit(page, f"/{action}", entry="")
        assert refused.status == 422 and refused.of(f"{action}-fault") == "Choose an entry."
    other = member.submit(page, "/pass", entry=listed["other"]["id"])
    assert other.status == 303
    refused = member.submit(page, "/pass", entry="next")
    assert refused.status == 422 and "no entry follows" in refused.text
    member.submit(member.get(board_of(tenant)), "/enabled", enabled="off")
    refused = member.submit(page, "/release")
    assert refused.status == 422 and "The app has no enabled switchboard. Turn it on first." in refused.text
    assert "The switchboard is off" in member.get(path).text


def test_conversation_of_another_app_and_unknown_ones_are_not_shown(
    member: Visitor, owner: Visitor, wire: Wire, service: Service, tenant: Tenant
) -> None:
    create_switchboard(wire, tenant)
    conversation = chat(wire, tenant, create_user(wire, tenant))
    other = make_tenant(wire, service.account)
    assert member.get(board_of(other)).status == 403
    assert owner.get(f"{board_of(other)}/{conversation}").status == 404
    fields = owner.get(f"{board_of(tenant)}/{conversation}").form("/release").fields
    assert owner.post(f"{board_of(other)}/{conversation}/release", fields).status == 404
    assert owner.post(f"{board_of(other)}/{conversation}/pass", fields | {"entry": "next"}).status == 404
    page = member.get(f"{board_of(tenant)}/{'0' * 24}")
    assert page.status == 404 and "There is no such conversation in this app" in page.text
    invalid = member.get(f"{board_of(tenant)}?conversation=x")
    assert invalid.status == 422 and "24 hex digits" in invalid.of("conversation-fault")
    assert owner.get(f"/console/apps/{'0' * 24}/switchboard").status == 404
    entry = entries(wire, tenant)["bot"]["id"]
    assert owner.get(f"{board_of(other)}/entries/{entry}").status == 404


def test_conversation_without_a_switchboard_says_what_to_do(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    page = member.get(f"{board_of(tenant)}/{conversation}")
    assert page.status == 200 and "Create a switchboard" in page.text and "Nothing happened yet." in page.text
