"""The table of what the commands manage: names, owners, columns, and what is asked for a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._model import Model


class Field(msgspec.Struct, frozen=True):
    """One thing that a new object is made of: an argument of `create` if it comes first, else an option."""

    name: str
    """Its name on the wire."""
    parameter: str
    """The argument's, as it is shown, or the option's."""
    help: str
    many: bool = False
    default: str | None = None


class Calls(msgspec.Struct, frozen=True):
    """The client's class for a resource, and what its methods call it."""

    api: str
    one: str
    many: str
    paged: bool = False


class Resource(msgspec.Struct, frozen=True):
    name: str
    one: str
    """What a person calls one of it, and what an answer does."""
    about: str
    calls: Callable[[dict[str, str]], Calls]
    """By the ids of its owners."""
    columns: tuple[str, ...]
    """By the names on the wire, after `id`."""
    fields: tuple[Field, ...]
    body: Callable[[dict[str, Any]], dict[str, Any]]
    """What is sent for a new one, of the fields that were given."""
    gone: str
    """What deleting it means."""
    lacks: Callable[[dict[str, Any]], str] = lambda body: ""
    """What to give besides, where a service would refuse what is to be sent."""
    in_app: bool = True
    integration: str = ""
    """Whether it is in an integration, too: "needed", "optional", or not at all."""

    def list(self, client: sunshine.ApiClient, owners: dict[str, str]) -> Iterable[Any]:
        calls = self.calls(owners)
        if calls.paged:
            return map(checked, self._method(client, calls, f"iterate_{calls.many}")(**owners))
        found = getattr(self._method(client, calls, f"list_{calls.many}")(**owners), self.name) or []
        return [checked(each) for each in (found if isinstance(found, list) else [found])]

    def show(self, client: sunshine.ApiClient, owners: dict[str, str], each: str) -> Any:
        calls = self.calls(owners)
        return checked(getattr(self._method(client, calls, f"get_{calls.one}")(*owners.values(), each), self.one))

    def create(
        self,
        client: sunshine.ApiClient,
        owners: dict[str, str],
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> tuple[Any, bool]:
        """Return the new object, and whether an earlier request with the same Idempotency-Key created it."""
        calls = self.calls(owners)
        method = self._method(client, calls, f"create_{calls.one}_with_http_info")
        response = method(*owners.values(), body, _headers=headers)
        return checked(getattr(response.data, self.one)), response.replayed

    def delete(self, client: sunshine.ApiClient, owners: dict[str, str], each: str) -> None:
        calls = self.calls(owners)
        self._method(client, calls, f"delete_{calls.one}")(*owners.values(), each)

    def _method(self, client: sunshine.ApiClient, calls: Calls, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(getattr(sunshine, calls.api)(client), name)
        return method


def checked(found: Any) -> Any:
    """The client takes what a server got wrong as it is. Raises ApiDecodeError for what is no object with an id."""
    if not (isinstance(found, Model) and isinstance(getattr(found, "id", None), str)):
        raise sunshine.ApiDecodeError(reason="the answer should hold an object with an id")
    return found


def _integration(fields: dict[str, Any]) -> dict[str, Any]:
    """Its webhook's target and triggers are an object of their own."""
    body = {name: value for name, value in fields.items() if name not in ("target", "triggers")}
    if "target" in fields:
        body["webhooks"] = [{"target": fields["target"], "triggers": fields["triggers"]}]
    return body


def _no_webhook(body: dict[str, Any]) -> str:
    missing = body.get("type") == "custom" and "webhooks" not in body
    return "give --target, the URL of its webhook: a custom integration needs one" if missing else ""


_NAME = Field("displayName", "NAME", "Its name, of 1 to 100 characters.")
_TARGET = Field("target", "TARGET", "The URL to call.")
_TRIGGERS = Field(
    "triggers",
    "--trigger",
    "What it is called for; may be given several times.",
    many=True,
    default="conversation:message",
)

RESOURCES = (
    Resource(
        "apps", "app", "Manage apps; creating and deleting them needs the account's key.",
        calls=lambda owners: Calls("AppsApi", "app", "apps", paged=True),
        columns=("displayName",),
        fields=(_NAME,),
        body=dict,
        gone="its integrations, webhooks and keys go with it",
        in_app=False,
    ),
    Resource(
        "integrations", "integration", "Manage the integrations of an app.",
        calls=lambda owners: Calls("IntegrationsApi", "integration", "integrations", paged=True),
        columns=("type", "status", "displayName"),
        fields=(
            _NAME,
            Field("type", "--type", "Its type; only a custom one has keys.", default="custom"),
            Field("target", "--target", "The URL that its webhook calls; a custom one needs it."),
            _TRIGGERS,
        ),
        body=_integration,
        lacks=_no_webhook,
        gone="its webhooks and keys go with it",
    ),
    Resource(
        "keys", "key", "Manage the keys of an integration or, without --integration, of an app.",
        calls=lambda owners: (
            Calls("CustomIntegrationApiKeysApi", "custom_integration_key", "custom_integration_keys")
            if "integration_id" in owners
            else Calls("AppKeysApi", "app_key", "app_keys")
        ),
        columns=("displayName", "secret"),
        fields=(_NAME,),
        body=dict,
        gone="whoever uses it, or a token it signed, is refused from then on",
        integration="optional",
    ),
    Resource(
        "webhooks", "webhook", "Manage the webhooks of a custom integration.",
        calls=lambda owners: Calls("WebhooksApi", "webhook", "webhooks"),
        columns=("target", "triggers", "secret"),
        fields=(_TARGET, _TRIGGERS),
        body=dict,
        gone="its target is called no more",
        integration="needed",
    ),
)  # fmt: skip
