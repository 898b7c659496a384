"""Models: creation, changes, comparison, printing, and JSON in both directions."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import models
from sunshine_conversations_client._model import Model

MODELS = [
    model for model in (getattr(models, name) for name in models.__all__) if isinstance(model, type) and issubclass(model, Model)
]  # fmt: skip
SECRET = "JWSooRf7mjKYQereu5ueIjxKdclNs7cdCDaT7bGHEitHFUbNxFb8C0Cwi0s7SG0vhjMDef_w5d-TVetWHanIBA"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_without_arguments_is_empty(model: type[Model]) -> None:
    instance = model()
    sent = instance.to_dict()
    assert set(sent) <= {"type"}
    assert json.loads(instance.to_json()) == sent
    assert instance == model() == copy.deepcopy(instance) == pickle.loads(pickle.dumps(instance))
    assert repr(instance).startswith(model.__name__ + "(")


def test_fields_take_the_python_name_or_the_api_name() -> None:
    assert sunshine.IntegrationApiKey(display_name="x") == sunshine.IntegrationApiKey(displayName="x")  # type: ignore[call-arg]
    assert sunshine.Web(showAIDisclaimer=True).to_dict() == {"type": "web", "showAIDisclaimer": True}  # type: ignore[call-arg]


def test_to_dict_has_the_set_fields_under_their_api_names() -> None:
    key = sunshine.ApiKey(id="int_1", secret="s")
    assert key.to_dict() == {"id": "int_1", "secret": "s"}
    assert key.to_json() == '{"id": "int_1", "secret": "s"}'
    assert sunshine.IntegrationApiKey(display_name="é").to_json() == '{"displayName": "\\u00e9"}'
    assert sunshine.IntegrationApiKeyResponse(key=key).to_dict() == {"key": {"id": "int_1", "secret": "s"}}


def test_null_is_sent_only_where_the_api_defines_it() -> None:
    assert sunshine.CustomUpdate(display_name=None).to_dict() == {"displayName": None}
    assert sunshine.AppUpdateBody(metadata=None, display_name=None).to_dict() == {"metadata": None}
    assert sunshine.IntegrationApiKey(display_name=None).to_dict() == {}
    update = sunshine.CustomUpdate(display_name="x")
    update.display_name = None
    assert update.to_dict() == {"displayName": None}
    del update.display_name
    assert update.to_dict() == {}


def test_read_only_fields_are_in_to_dict_and_not_sent() -> None:
    received = {"id": "1", "version": "v2", "target": "t", "triggers": [], "secret": "s"}
    webhook = sunshine.Webhook.from_dict(received)
    assert webhook and webhook.id == "1"
    assert webhook.to_dict() == received
    assert webhook.to_body() == {"target": "t", "triggers": [], "secret": "s"}
    custom = sunshine.Custom(webhooks=[webhook], status="active")  # type: ignore[arg-type]
    assert custom.to_body() == {"type": "custom", "webhooks": [{"target": "t", "triggers": [], "secret": "s"}]}


def test_from_dict_reads_api_names_and_keeps_unknown_properties() -> None:
    key = sunshine.ApiKey.from_dict({"id": "int_1", "displayName": "x", "display_name": "y", "colour": "red"})
    assert key
    assert key.display_name == "x"
    assert key.additional_properties == {"display_name": "y", "colour": "red"}
    assert key.to_dict() == {"id": "int_1", "displayName": "x", "display_name": "y", "colour": "red"}
    assert sunshine.ApiKey().additional_properties == {}
    assert sunshine.ApiKey.from_dict(None) is None
    assert sunshine.ApiKey.from_json("null") is None
    assert sunshine.ApiKey.from_json('{"id": "int_1"}') == sunshine.ApiKey(id="int_1")


@pytest.mark.parametrize("invalid", [None, "", "x" * 500, 7, ["x"], {"x": 1}, True, 1.5])
def test_an_invalid_value_does_not_affect_the_others(invalid: Any) -> None:
    listed = sunshine.IntegrationApiKeyListResponse.from_dict(
        {
            "keys": [
                {"id": "int_1", "displayName": invalid, "secret": "s"},
                {"id": "int_2", "displayName": "y", "secret": "t"},
            ]
        }
    )
    assert listed and listed.keys
    assert listed.keys[0].display_name == invalid
    assert [(key.id, key.secret) for key in listed.keys] == [("int_1", "s"), ("int_2", "t")]
    assert repr(listed)
    assert listed.to_str()


@pytest.mark.parametrize("invalid", [None, "x", 7, [7, None, "x"], {"x": {"y": 1}}])
def test_models_with_invalid_values_can_be_printed_and_sent(invalid: Any) -> None:
    for model in (sunshine.IntegrationApiKeyResponse, sunshine.IntegrationApiKeyListResponse, sunshine.AppListResponse):
        instance = model.from_dict(dict.fromkeys(("key", "keys", "apps", "meta", "links"), invalid))
        assert instance
        assert json.loads(instance.to_json()) is not None
        assert repr(instance) and str(instance) and instance.to_str()


@pytest.mark.parametrize("value", [[], "x", 7, b"{}"])
def test_from_dict_rejects_anything_but_a_dict(value: Any) -> None:
    with pytest.raises(ValueError, match="should be made of a dict"):
        sunshine.ApiKey.from_dict(value)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (sunshine.ApiKey, {"id": 7}),
        (sunshine.ApiKey, {"display_name": b"x"}),
        (sunshine.ApiKey, {"nonsense": "x"}),
        (sunshine.AppSettings, {"echo_postback": "yes"}),
        (sunshine.AppSettings, {"echo_postback": 1}),
        (sunshine.AppSettings, {"conversation_retention_seconds": True}),
        (sunshine.AppSettings, {"conversation_retention_seconds": 1.5}),
        (sunshine.AppCreateBody, {"settings": "x"}),
        (sunshine.AppCreateBody, {"settings": sunshine.ApiKey()}),
        (sunshine.AppCreateBody, {"settings": {"echoPostback": 1}}),
        (sunshine.AppCreateBody, {"metadata": []}),
        (sunshine.WebhookBody, {"triggers": "x"}),
        (sunshine.WebhookBody, {"triggers": [1]}),
        (sunshine.Custom, {"webhooks": [1]}),
        (sunshine.Custom, {"status": 1}),
    ],
)
def test_invalid_values_are_rejected(model: type[Model], values: dict[str, Any]) -> None:
    with pytest.raises(sunshine.ApiArgumentError) as refused:
        model(**values)
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, TypeError)
    instance = model()
    for name, value in values.items():
        with pytest.raises(sunshine.ApiArgumentError):
            setattr(instance, name, value)
    assert instance == model()


def test_dicts_become_models() -> None:
    custom = sunshine.Custom(webhooks=[{"target": "t", "includeFullUser": True}])  # type: ignore[list-item]
    assert custom.webhooks == [sunshine.Webhook(target="t", include_full_user=True)]
    body = sunshine.AppCreateBody(display_name="x")
    body.settings = {"echoPostback": True}  # type: ignore[assignment]
    assert body.settings == sunshine.AppSettings(echo_postback=True)


class TestIntegrationTypes:
    @pytest.mark.parametrize("kind", ["android", "custom", "messagebird", "web", "whatsapp"])
    def test_a_known_type_has_its_class(self, kind: str) -> None:
        integration = sunshine.Integration.from_dict({"id": "1", "type": kind, "status": "active", "displayName": None})
        assert type(integration).__name__ == kind.capitalize()
        assert integration and (integration.type, integration.status, integration.display_name) == (
            kind,
            sunshine.Status.ACTIVE,
            None,
        )

    @pytest.mark.parametrize("kind", ["carrier-pigeon", None, 7, []])
    def test_an_unknown_type_is_an_integration_with_all_properties(self, kind: Any) -> None:
        integration = sunshine.Integration.from_dict({"id": "1", "type": kind, "status": "sleeping", "wings": 2})
        assert type(integration) is sunshine.Integration
        assert (integration.type, integration.status, integration.additional_properties) == (
            kind,
            "sleeping",
            {"wings": 2},
        )

    def test_a_missing_type_is_an_integration(self) -> None:
        assert sunshine.Integration.from_dict({"id": "1"}) == sunshine.Integration(id="1")

    def test_a_class_sends_its_type(self) -> None:
        assert sunshine.Custom().to_dict() == {"type": "custom"}
        assert sunshine.Whatsapp(account_id=None).to_dict() == {"type": "whatsapp", "accountId": None}


class TestSecrets:
    MODELS = [
        sunshine.ApiKey(id="1", secret=SECRET),
        sunshine.AppKey(id="1", secret=SECRET),
        sunshine.Webhook(secret=SECRET),
        sunshine.IntegrationApiKeyResponse(key=sunshine.ApiKey(secret=SECRET)),
        sunshine.IntegrationApiKeyListResponse(keys=[sunshine.ApiKey(secret=SECRET)]),
        sunshine.Custom(webhooks=[sunshine.Webhook(secret=SECRET)]),
        sunshine.IntegrationResponse(integration=sunshine.Custom(webhooks=[sunshine.Webhook(secret=SECRET)])),
        sunshine.Android(private_key=SECRET),
        sunshine.Telegram(token=SECRET),
        sunshine.IntegrationUpdate(sunshine.AndroidUpdate(private_key=SECRET)),
        sunshine.ApiKey.from_dict({"id": "1", "secret": {"nested": SECRET}, "newSecret": SECRET}),
    ]

    @pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
    def test_secrets_are_not_printed(self, model: Model) -> None:
        from pprint import pformat

        for text in (repr(model), str(model), f"{model}", model.to_str(), pformat(model), pformat([model])):
            assert SECRET not in text

    def test_secrets_are_sent(self) -> None:
        assert SECRET in self.MODELS[0].to_json()
        assert self.MODELS[0].secret == SECRET

    def test_an_error_does_not_repeat_the_value(self) -> None:
        with pytest.raises(sunshine.ApiArgumentError) as refused:
            sunshine.ApiKey(secret=[SECRET])  # type: ignore[arg-type]
        assert SECRET not in repr(refused.value) + str(refused.value)


def test_printed_models_have_the_official_form() -> None:
    key = sunshine.ApiKey(id="int_1", display_name="x", secret="s")
    assert repr(key) == "ApiKey(id='int_1', display_name='x', secret='**********')"
    assert str(key) == "id='int_1' display_name='x' secret='**********'"
    assert key.to_str() == "{'displayName': 'x', 'id': 'int_1', 'secret': '**********'}"
    assert sunshine.ApiKey().to_str() == "{'displayName': None, 'id': None, 'secret': None}"


def test_models_compare_by_class_and_value_and_are_not_hashable() -> None:
    assert sunshine.ApiKey(id="1") != sunshine.ApiKey(id="2")
    assert sunshine.ApiKey(id="1") != sunshine.AppKey(id="1")
    assert sunshine.ApiKey(id="1") != {"id": "1"}
    with pytest.raises(TypeError):
        hash(sunshine.ApiKey())
