"""The table of the resources that the commands manage: names, owners, columns, and fields of a new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import typer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._model import Model
from sunshine_keys.cli.durations import seconds_in
from sunshine_keys.keys.model import moment_text


class Field(msgspec.Struct, frozen=True):
    """A field of a new object: an argument of the command `create`, or an option."""

    name: str
    """The name on the wire."""
    parameter: str
    """The name of the argument as --help shows it, or of the option with its hyphens."""
    help: str
    many: bool = False
    default: str | None = None


class ClientMethods(msgspec.Struct, frozen=True):
    """The client's facade for a resource, and the singular and the plural in the names of its methods."""

    api: str
    singular: str
    plural: str
    paged: bool = False


class Resource(msgspec.Struct, frozen=True):
    name: str
    """The plural, which is the name of the command."""
    singular: str
    """The singular, in messages and as the property of the API's answers."""
    about: str
    methods: Callable[[dict[str, str]], ClientMethods]
    """Return the methods for these ids of owners."""
    columns: tuple[str, ...]
    """The columns of a table after `id`, by their names on the wire."""
    fields: tuple[Field, ...]
    body: Callable[[dict[str, Any]], dict[str, Any]]
    """Return the request body for these fields."""
    consequence: str
    """What its deletion means, for the confirmation."""
    missing: Callable[[dict[str, Any]], str] = lambda body: ""
    """Return which option is missing in a body that a service would refuse, or an empty text."""
    has_secrets: bool = True
    in_app: bool = True
    changeable: tuple[Field, ...] = ()
    """The fields that options of `update` change; empty if the API has no PATCH."""
    integration: str = ""
    """Whether it belongs to an integration: "required", "optional", or an empty text for never."""

    def list(self, client: sunshine.ApiClient, owners: dict[str, str]) -> Iterable[Any]:
        methods = self.methods(owners)
        if methods.paged:
            return map(checked, _method(client, methods, f"iterate_{methods.plural}")(**owners))
        items = getattr(_method(client, methods, f"list_{methods.plural}")(**owners), self.name) or []
        return [checked(item) for item in (items if isinstance(items, list) else [items])]

    def show(self, client: sunshine.ApiClient, owners: dict[str, str], id: str) -> Any:
        methods = self.methods(owners)
        answer = _method(client, methods, f"get_{methods.singular}")(*owners.values(), id)
        return checked(getattr(answer, self.singular))

    def create(
        self,
        client: sunshine.ApiClient,
        owners: dict[str, str],
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> tuple[Any, bool]:
        """Return the new object, and whether an earlier request with the same Idempotency-Key created it."""
        methods = self.methods(owners)
        method = _method(client, methods, f"create_{methods.singular}_with_http_info")
        response = method(*owners.values(), body, _headers=headers)
        return checked(getattr(response.data, self.singular)), response.replayed

    def update(self, client: sunshine.ApiClient, owners: dict[str, str], id: str, body: dict[str, Any]) -> Any:
        methods = self.methods(owners)
        answer = _method(client, methods, f"update_{methods.singular}")(*owners.values(), id, body)
        return checked(getattr(answer, self.singular))

    def delete(self, client: sunshine.ApiClient, owners: dict[str, str], id: str) -> None:
        methods = self.methods(owners)
        _method(client, methods, f"delete_{methods.singular}")(*owners.values(), id)


def _method(client: sunshine.ApiClient, methods: ClientMethods, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(getattr(sunshine, methods.api)(client), name)
    return method


def checked(item: Any) -> Any:
    """Return `item`. Raises ApiDecodeError if it is not an object with an id, which the client does not check."""
    if not (isinstance(item, Model) and isinstance(getattr(item, "id", None), str)):
        raise sunshine.ApiDecodeError(reason="the answer should hold an object with an id")
    return item


def _integration(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a new integration, in which the webhook's target and triggers are a separate object."""
    body = {name: value for name, value in fields.items() if name not in ("target", "triggers")}
    if "target" in fields:
        body["webhooks"] = [{"target": fields["target"], "triggers": fields["triggers"]}]
    return body


def _no_webhook(body: dict[str, Any]) -> str:
    is_missing = body.get("type") == "custom" and "webhooks" not in body
    return "--target is missing: a custom integration needs the URL of a webhook" if is_missing else ""


def _key(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a new key, which has a moment in place of the duration of its life."""
    lifetime = fields.pop("expiresIn", None)
    if lifetime is None:
        return fields
    seconds = seconds_in(lifetime)
    if not seconds:
        raise typer.BadParameter(f"--expires-in: {lifetime!r} is no duration such as 12h, 30d or 26w")
    return fields | {"expiresAt": moment_text(time.time() + seconds)}


_NAME = Field("displayName", "NAME", "The name, 1 to 100 characters.")
_NEW_NAME = Field("displayName", "--name", "The new name, 1 to 100 characters.")
_TARGET = Field("target", "TARGET", "The URL to call.")
_TRIGGERS = Field(
    "triggers",
    "--trigger",
    "An event that calls it; repeat the option for several.",
    many=True,
    default="conversation:message",
)

RESOURCES = (
    Resource(
        "apps", "app", "Manage apps. Creating and deleting apps needs an account key.",
        methods=lambda owners: ClientMethods("AppsApi", "app", "apps", paged=True),
        columns=("displayName",),
        fields=(_NAME,),
        body=dict,
        consequence="its integrations, webhooks and keys are deleted with it",
        changeable=(_NEW_NAME,),
        has_secrets=False,
        in_app=False,
    ),
    Resource(
        "integrations", "integration", "Manage the integrations of an app.",
        methods=lambda owners: ClientMethods("IntegrationsApi", "integration", "integrations", paged=True),
        columns=("type", "status", "displayName"),
        fields=(
            _NAME,
            Field("type", "--type", "The type; only a custom integration has keys.", default="custom"),
            Field("target", "--target", "The URL that its webhook calls; a custom integration needs it."),
            _TRIGGERS,
        ),
        body=_integration,
        missing=_no_webhook,
        consequence="its webhooks and keys are deleted with it",
        changeable=(_NEW_NAME,),
    ),
    Resource(
        "keys", "key", "Manage the keys of an integration or, without --integration, of an app.",
        methods=lambda owners: (
            ClientMethods("CustomIntegrationApiKeysApi", "custom_integration_key", "custom_integration_keys")
            if "integration_id" in owners
            else ClientMethods("AppKeysApi", "app_key", "app_keys")
        ),
        columns=("displayName", "secret", "expiresAt", "lastUsedAt", "lastSource", "requests"),
        fields=(_NAME, Field("expiresIn", "--expires-in", "How long the key works: 12h, 30d, 26w. Without it, the key has no end.")),
        body=_key,
        consequence="the service then refuses it and every token that it signed",
        integration="optional",
    ),
    Resource(
        "webhooks", "webhook", "Manage the webhooks of a custom integration.",
        methods=lambda owners: ClientMethods("WebhooksApi", "webhook", "webhooks"),
        columns=("target", "triggers", "secret"),
        fields=(_TARGET, _TRIGGERS),
        body=dict,
        consequence="its target gets no more calls",
        changeable=(
            Field("target", "--target", "The new URL to call."),
            Field("triggers", "--trigger", "An event that calls it, instead of the present ones; repeat it for several.", many=True),
        ),
        integration="required",
    ),
)  # fmt: skip
