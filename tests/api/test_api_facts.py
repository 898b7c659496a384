"""The published description and the overlay: what scripts/api_facts.py reads from them."""

from __future__ import annotations

from api_facts import load, snake


def test_overlay_names_only_what_the_description_has() -> None:
    api = load()
    titles = {schema.get("title") for operation in api.operations.values() for schema in [operation.response or {}]}
    named = {*api.overlay["always"], *api.overlay["extended"], *api.overlay["by_fields"], *api.overlay["classes"]}
    assert named - {"WebhookEnvelope"} <= {*api.schemas, *titles}  # its events are in the examples alone
    assert set(api.overlay["scopes"]) <= set(api.operations)
    assert {operation.tag for operation in api.covered.values()} == set(api.overlay["tags"])


def test_every_covered_operation_has_a_summary_and_scopes() -> None:
    api = load()
    assert list(api.covered) == list(api.overlay["operations"])
    for operation in api.covered.values():
        assert operation.summary.endswith(".")
        assert "account" in operation.scopes or operation.path.startswith("/oauth/")


def test_all_of_is_merged_and_its_own_keys_win() -> None:
    api = load()
    name = api.resolve(api.schemas["appCreateBody"]["properties"]["displayName"])
    assert name == {"type": "string", "nullable": False, "minLength": 1, "maxLength": 100, "example": "My App"}
    body = api.resolve(api.schemas["webhookCreateBody"])
    assert list(body["properties"]) == ["target", "triggers", "includeFullUser", "includeFullSource"]
    assert body["required"] == ["target", "triggers"]


def test_kinds_of_a_union_need_no_mapping() -> None:
    api = load()
    assert len(api.kinds(api.schemas["integration"])) == 16
    assert list(api.kinds(api.schemas["actionSubset"])) == ["buy", "link", "postback", "webview"]
    assert api.kinds(api.schemas["custom"]) == {}


def test_operation_has_its_parameters_body_and_response() -> None:
    upload = load().operations["UploadAttachment"]
    assert upload.body is not None
    assert upload.body.content_type == "multipart/form-data"
    assert [(query.name, query.required) for query in upload.query_parameters] == [
        ("access", True),
        ("for", False),
        ("conversationId", False),
    ]
    listing = load().operations["ListIntegrations"]
    assert listing.paged
    assert load().items_of(listing) == "integrations"
    assert [query.nested for query in listing.query_parameters] == [True, True]


def test_names_are_in_snake_case_as_in_the_official_package() -> None:
    assert [snake(name) for name in ("OAuthEndpointsApi", "showAIDisclaimer", "qrCodeUrl", "identities.email")] == [
        "o_auth_endpoints_api",
        "show_ai_disclaimer",
        "qr_code_url",
        "identities_email",
    ]
