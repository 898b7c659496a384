"""The five operations on apps, and token info."""

from __future__ import annotations

from typing import Any

import pytest
from support.wire import Key, Service, Tenant, Wire

DEFAULTS = {
    "appLocalizationEnabled": True,
    "echoPostback": False,
    "maskCreditCardNumbers": True,
    "multiConvoEnabled": False,
    "useAnimalNames": False,
}


def test_create_answers_201_with_the_published_defaults(wire: Wire, service: Service) -> None:
    answer = wire.post("/v2/apps", service.account, {"displayName": "Mine"})

    assert answer.status == 201
    app = answer.json["app"]
    assert app == {"id": app["id"], "displayName": "Mine", "settings": DEFAULTS}


def test_given_properties_are_stored(wire: Wire, service: Service) -> None:
    body = {
        "displayName": "Mine",
        "settings": {"multiConvoEnabled": True, "conversationRetentionSeconds": 0, "unknown": 1},
        "metadata": {"lang": "en-ca", "nested": {"n": [1, 2.5, None, True]}},
        "unknown": "ignored",
    }
    app = wire.post("/v2/apps", service.account, body).json["app"]

    got = wire.get(f"/v2/apps/{app['id']}", service.account).json["app"]
    assert got == app
    assert got["metadata"] == body["metadata"]
    assert got["settings"] == DEFAULTS | {"multiConvoEnabled": True, "conversationRetentionSeconds": 0}


def test_settings_are_answered_in_the_order_of_the_description(wire: Wire, service: Service) -> None:
    settings = {"endSessionEnabled": True, "unknown": 1, "conversationRetentionSeconds": 5}
    created = wire.post("/v2/apps", service.account, {"displayName": "A", "settings": settings}).json["app"]
    assert list(created["settings"]) == [*DEFAULTS, "conversationRetentionSeconds", "endSessionEnabled"]

    path = f"/v2/apps/{wire.post('/v2/apps', service.account, {'displayName': 'B'}).json['app']['id']}"
    updated = wire.patch(path, service.account, {"settings": settings}).json["app"]
    assert list(updated["settings"]) == [*DEFAULTS, "conversationRetentionSeconds", "endSessionEnabled"]


def test_update_merges_settings_and_replaces_metadata(wire: Wire, tenant: Tenant) -> None:
    wire.patch(tenant.app, tenant.app_key, {"settings": {"echoPostback": True}, "metadata": {"a": 1, "b": 2}})

    answer = wire.patch(tenant.app, tenant.app_key, {"settings": {"useAnimalNames": True}, "metadata": {"a": 3}})

    assert answer.status == 200
    assert answer.json["app"]["settings"] == DEFAULTS | {"echoPostback": True, "useAnimalNames": True}
    assert answer.json["app"]["metadata"] == {"a": 3}
    assert answer.json["app"]["displayName"] == "An app"
    assert "metadata" not in wire.patch(tenant.app, tenant.app_key, {"metadata": None}).json["app"]
    assert wire.patch(tenant.app, tenant.app_key, {}).json == wire.get(tenant.app, tenant.app_key).json


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        ({"displayName": None}, ["displayName should be string"]),
        ({"settings": None}, ["settings should be object"]),
        ({"settings": {"echoPostback": 1}}, ["settings.echoPostback should be boolean"]),
        (
            {"settings": {"conversationRetentionSeconds": -1, "echoPostback": "no"}},
            [
                "settings.conversationRetentionSeconds should be >= 0 and < 2^53",
                "settings.echoPostback should be boolean",
            ],
        ),
        ({"settings": {"conversationRetentionSeconds": 1.5}}, ["settings.conversationRetentionSeconds should be integer"]),
        ({"settings": {"conversationRetentionSeconds": True}}, ["settings.conversationRetentionSeconds should be integer"]),
        ({"metadata": []}, ["metadata should be object"]),
        ({"metadata": {"x": "y" * 4096}}, ["App metadata is limited to 4096 bytes in size."]),
    ],
)  # fmt: skip
def test_all_faults_of_a_body_are_reported(wire: Wire, tenant: Tenant, body: Any, titles: list[str]) -> None:
    before = wire.get(tenant.app, tenant.app_key).json
    answer = wire.patch(tenant.app, tenant.app_key, body)

    assert answer.status == 400
    assert answer.errors == [("bad_request", title) for title in titles]
    assert wire.get(tenant.app, tenant.app_key).json == before


def test_metadata_of_4096_bytes_is_accepted(wire: Wire, tenant: Tenant) -> None:
    metadata = {"x": "y" * (4096 - len('{"x":""}'))}
    assert wire.patch(tenant.app, tenant.app_key, {"metadata": metadata}).json["app"]["metadata"] == metadata


def test_metadata_may_be_nested_32_deep(wire: Wire, tenant: Tenant) -> None:
    def nested(depth: int) -> Any:
        return {"x": nested(depth - 1)} if depth > 1 else {"x": 1}

    assert wire.patch(tenant.app, tenant.app_key, {"metadata": nested(32)}).status == 200
    for depth, title in (
        (33, "metadata should NOT be nested deeper than 32"),
        (63, "metadata should NOT be nested deeper than 32"),
        (64, "Request body should NOT be nested deeper than 64"),
        (400, "Request body should NOT be nested deeper than 64"),
    ):
        refused = wire.patch(tenant.app, tenant.app_key, {"metadata": nested(depth)})
        assert refused.errors == [("bad_request", title)]
    assert wire.get("/v2/tokenInfo", tenant.app_key).json["app"]["metadata"] == nested(32)


def test_numbers_in_metadata_come_back_exactly(wire: Wire, tenant: Tenant) -> None:
    metadata = {"big": 2**64 - 1, "small": -(2**63), "float": 0.1}
    assert wire.patch(tenant.app, tenant.app_key, {"metadata": metadata}).json["app"]["metadata"] == metadata


def test_delete_takes_keys_and_integrations_with_it(wire: Wire, tenant: Tenant) -> None:
    answer = wire.delete(tenant.app, tenant.account)

    assert (answer.status, answer.json) == (200, {})
    for key in (tenant.app_key, tenant.key):
        assert wire.get(tenant.webhooks, key).status == 401
        assert wire.get(tenant.webhooks, key.bearer()).status == 401
    for path in (tenant.app, tenant.keys, tenant.integration):
        assert wire.get(path, tenant.account).errors == [("app_not_found", "App not found")]
    assert wire.delete(tenant.app, tenant.account).status == 404


class TestPages:
    """Cursor pagination, on the integrations of an app of the test's own and on apps."""

    @pytest.fixture
    def ids(self, wire: Wire, tenant: Tenant) -> list[str]:
        more = [wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "ios"}) for _ in range(3)]
        return [tenant.integration_id, tenant.web_id, *(answer.json["integration"]["id"] for answer in more)]

    def page(self, wire: Wire, tenant: Tenant, query: str) -> tuple[list[str], dict[str, Any], dict[str, str]]:
        answer = wire.get(f"{tenant.app}/integrations?{query}", tenant.app_key)
        assert answer.status == 200, answer.json
        content = answer.json
        return [view["id"] for view in content["integrations"]], content["meta"], content.get("links", {})

    def test_all_fit(self, wire: Wire, tenant: Tenant, ids: list[str]) -> None:
        assert self.page(wire, tenant, "") == (ids, {"hasMore": False}, {})

    def test_forwards_by_the_links(self, wire: Wire, tenant: Tenant, ids: list[str]) -> None:
        seen, query = [], "page[size]=2"
        while query:
            page, meta, links = self.page(wire, tenant, query)
            seen += page
            assert meta["hasMore"] == ("next" in links)
            query = links["next"].partition("?")[2] if meta["hasMore"] else ""
        assert seen == ids

    def test_backwards_from_a_cursor(self, wire: Wire, tenant: Tenant, ids: list[str]) -> None:
        page, meta, links = self.page(wire, tenant, f"page[size]=2&page[before]={ids[3]}")
        assert page == ids[1:3]
        assert meta == {"hasMore": True, "afterCursor": ids[2], "beforeCursor": ids[1]}
        assert links["prev"].endswith(f"page[size]=2&page[before]={ids[1]}")
        assert self.page(wire, tenant, links["prev"].partition("?")[2])[0] == ids[:1]

    def test_a_cursor_whose_record_is_gone_still_works(self, wire: Wire, tenant: Tenant, ids: list[str]) -> None:
        wire.delete(f"{tenant.app}/integrations/{ids[2]}", tenant.app_key)
        assert self.page(wire, tenant, f"page[after]={ids[2]}")[0] == ids[3:]

    def test_by_type(self, wire: Wire, tenant: Tenant, ids: list[str]) -> None:
        assert self.page(wire, tenant, "filter[types]=custom,web")[0] == ids[:2]
        assert self.page(wire, tenant, "filter%5Btypes%5D=ios&page%5Bsize%5D=1")[0] == ids[2:3]

    def test_as_the_official_client_sends_it(self, wire: Wire, tenant: Tenant, ids: list[str]) -> None:
        query = "page=%7B%22size%22%3A%201%7D&filter=%7B%22types%22%3A%20%22web%22%7D"
        assert self.page(wire, tenant, query)[0] == ids[1:2]

    @pytest.mark.parametrize(
        "query",
        [
            "page[size]=0", "page[size]=101", "page[size]=x", "page[size]=", "page[size]=1e1", "page[size]=٣",
            "page[after]=x", "page[before]=", "page[after]=" + "g" * 24, "page={", "page=3",
            "page[after]=" + "a" * 24 + "&page[before]=" + "a" * 24, "page[size]=1&page[size]=2", "filter[types]=carrier-pigeon",
        ],
    )  # fmt: skip
    def test_invalid_queries_are_refused(self, wire: Wire, tenant: Tenant, query: str) -> None:
        from urllib.parse import quote

        answer = wire.get(f"{tenant.app}/integrations?{quote(query, safe='=&[]%')}", tenant.app_key)
        assert answer.status == 400
        assert answer.errors == [("bad_request", "Invalid query parameters")]

    def test_apps_are_paged_too(self, wire: Wire, tenant: Tenant, other: Tenant) -> None:
        answer = wire.get(f"/v2/apps?page[size]=1&page[after]={tenant.app_id}", tenant.account).json
        assert [app["id"] for app in answer["apps"]] == [other.app_id]
        assert wire.get("/v2/apps?page[size]=500", tenant.account).errors == [
            ("bad_request", "Invalid page query parameters")
        ]

    def test_a_service_account_that_is_not_the_callers(self, wire: Wire, tenant: Tenant) -> None:
        answer = wire.get("/v2/apps?filter[serviceAccountId]=x", tenant.account)
        assert answer.status == 403
        assert answer.errors == [("forbidden", "The serviceAccountId provided does not match supplied credentials")]


@pytest.mark.parametrize("of", ["app_key", "key"])
def test_token_info_is_the_app_of_the_key(wire: Wire, tenant: Tenant, of: str) -> None:
    key: Key = getattr(tenant, of)
    for auth in (key.basic(), key.bearer()):
        answer = wire.get("/v2/tokenInfo", auth)
        assert answer.status == 200
        assert answer.json == wire.get(tenant.app, tenant.app_key).json


def test_token_info_of_an_account_key_names_no_app(wire: Wire, service: Service) -> None:
    assert wire.get("/v2/tokenInfo", service.account).status == 403
    assert wire.get("/v2/tokenInfo").status == 401
