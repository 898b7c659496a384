"""A partner that OAuth has connected: what its webhooks hear, and what its token may do."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import sunshine_conversations_client as sc
from sunshine_keys.testing import SunshineServer


def connected(sunshine: SunshineServer) -> sc.ApiClient:
    """Return the client of a partner with an access token."""
    partner = sunshine.oauth_client("https://acme.test/callback")
    oauth: Any = sc.OAuthEndpointsApi(sunshine.client())
    link = oauth.authorize_with_http_info(partner.id, "code").data
    (code,) = parse_qs(urlsplit(link).query)["code"]
    body = {"code": code, "grant_type": "authorization_code", "client_id": partner.id, "client_secret": partner.secret}
    return sunshine.client(access_token=oauth.get_token(body).access_token)


def accepts(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


def test_each_webhook_of_a_partner_hears_events_until_its_access_is_revoked(sunshine: SunshineServer) -> None:
    sunshine.deliver_to(accepts)
    client = connected(sunshine)
    webhooks: Any = sc.WebhooksApi(client)
    created = [
        webhooks.create_webhook(
            sunshine.app_id, "me", {"target": f"https://acme.test/{name}", "triggers": triggers}
        ).webhook
        for name, triggers in (("all", ["conversation:message"]), ("new", ["conversation:create"]))
    ]
    assert {webhook.id for webhook in webhooks.list_webhooks(sunshine.app_id, "me").webhooks} == {w.id for w in created}
    sunshine.person().start_conversation().says("Hello")
    heard = [(call.json["webhook"]["id"], event["type"]) for call in sunshine.deliveries for event in call.events]
    assert (created[0].id, "conversation:message") in heard
    assert (created[1].id, "conversation:create") in heard
    assert (created[0].id, "conversation:create") not in heard

    sc.OAuthEndpointsApi(client).revoke_access()
    before = len(sunshine.deliveries)
    sunshine.person().start_conversation().says("Hello again")
    later = {call.json["webhook"]["id"] for call in sunshine.deliveries[before:]}
    assert later == {sunshine.webhook.id}


def test_partner_passes_control_with_its_token(sunshine: SunshineServer) -> None:
    client = connected(sunshine)
    switchboards: Any = sc.SwitchboardsApi(sunshine.client())
    entries: Any = sc.SwitchboardIntegrationsApi(sunshine.client())
    board = switchboards.create_switchboard(sunshine.app_id).switchboard
    answer = sunshine.run(sunshine.ask("GET", f"/sunshine/v1/apps/{sunshine.app_id}/oauthConnections"))
    (connection,) = answer["oauthConnections"]
    own = {"name": "acme", "integrationId": connection["integrationId"]}
    first = entries.create_switchboard_integration(sunshine.app_id, board.id, own).switchboard_integration
    other = {"name": "bot", "integrationId": sunshine.integration_id}
    second = entries.create_switchboard_integration(sunshine.app_id, board.id, other).switchboard_integration
    switchboards.update_switchboard(
        sunshine.app_id, board.id, {"enabled": True, "defaultSwitchboardIntegrationId": first.id}
    )
    chat = sunshine.person().start_conversation()
    sc.SwitchboardActionsApi(client).pass_control(sunshine.app_id, chat.id, {"switchboardIntegration": "bot"})
    conversations: Any = sc.ConversationsApi(client)
    active = conversations.get_conversation(sunshine.app_id, chat.id).conversation.active_switchboard_integration
    assert active.id == second.id
