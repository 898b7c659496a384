"""The demo: the client creates, uses and deletes keys of a service on a temporary store."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from rich.markup import escape

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._model import Model
from sunshine_keys import server
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope
from sunshine_keys.cli.terminal import rich_console
from sunshine_keys.compose import create_first_objects
from sunshine_keys.settings import Settings


def run_demo() -> None:
    """Print a transcript. Raises AssertionError if the service gives an unexpected answer."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="sunshine-keys-demo-") as folder:
        settings = Settings(Path(folder))
        created = create_first_objects(settings)
        assert created is not None
        with server.running(settings) as url:
            _Demo(url).run(created["account_key"])


class _Demo:
    def __init__(self, url: str) -> None:
        self._url = url
        self._console = rich_console(soft_wrap=True)

    def run(self, account_key: dict[str, str]) -> None:
        self._say(f"A service on an empty SQLite store listens on {self._url}.")
        self._say(f"Its account key is {account_key['id']}, secret {_short(account_key['secret'])}.")

        self._title("The account key creates an app, a custom integration and a key of the app (Basic)")
        with self._client(username=account_key["id"], password=account_key["secret"]) as account:
            app = self._call(sunshine.AppsApi(account), "create_app", {"displayName": "Demo app"}).app
            integration = self._call(
                sunshine.IntegrationsApi(account),
                "create_integration",
                app.id,
                sunshine.Custom(
                    display_name="Demo integration",
                    webhooks=[
                        sunshine.Webhook(target="https://example.com/callback", triggers=["conversation:message"])
                    ],
                ),
            ).integration
            app_key = self._call(
                sunshine.AppKeysApi(account), "create_app_key", app.id, {"displayName": "Demo app key"}
            ).key

        self._title("The app key creates a key of the integration, lists, fetches and deletes it (Basic)")
        with self._client(username=app_key.id, password=app_key.secret) as client:
            self._create_and_delete_key(client, app.id, integration.id, "created with Basic")

        self._title("The app key does the same with a JSON Web Token that it signed (HS256, scope app)")
        with self._client(access_token=tokens.mint(app_key.id, app_key.secret, Scope.APP)) as client:
            self._create_and_delete_key(client, app.id, integration.id, "created with a JWT")

            self._title(
                "A new integration key lists its integration's webhooks: with Basic, then with a token that it signed"
            )
            keys = sunshine.CustomIntegrationApiKeysApi(client)
            key = self._call(
                keys,
                "create_custom_integration_key",
                app.id,
                integration.id,
                sunshine.IntegrationApiKey(display_name="for the integration itself"),
            ).key
            token = tokens.mint(key.id, key.secret, Scope.INTEGRATION)
            schemes = {"Basic": {"username": key.id, "password": key.secret}, "JWT": {"access_token": token}}
            for scheme, credentials in schemes.items():
                with self._client(**credentials) as own:
                    self._say(f"  {scheme}:")
                    self._call(sunshine.WebhooksApi(own), "list_webhooks", app.id, integration.id)

            self._title("After its deletion, the service accepts neither the key nor its token")
            self._call(keys, "delete_custom_integration_key", app.id, integration.id, key.id)
            for scheme, credentials in schemes.items():
                with self._client(**credentials) as own:
                    self._say(f"  {scheme}:")
                    self._refused(sunshine.WebhooksApi(own), "list_webhooks", app.id, integration.id)
        self._say("\n[bold green]Done:[/] issued, used and revoked.")

    def _create_and_delete_key(self, client: sunshine.ApiClient, app_id: str, integration_id: str, name: str) -> None:
        keys = sunshine.CustomIntegrationApiKeysApi(client)
        owner = (app_id, integration_id)
        body = sunshine.IntegrationApiKey(display_name=name)
        key = self._call(keys, "create_custom_integration_key", *owner, body).key
        listed = self._call(keys, "list_custom_integration_keys", *owner).keys
        assert listed == [key]
        assert self._call(keys, "get_custom_integration_key", *owner, key.id).key == key
        self._call(keys, "delete_custom_integration_key", *owner, key.id)
        assert self._call(keys, "list_custom_integration_keys", *owner).keys == []

    def _client(
        self, *, username: str | None = None, password: str | None = None, access_token: str | None = None
    ) -> sunshine.ApiClient:
        return sunshine.ApiClient(
            sunshine.Configuration(host=self._url, username=username, password=password, access_token=access_token)
        )

    def _call(self, api: Any, method: str, *arguments: Any) -> Any:
        self._announce(method, arguments)
        answer = getattr(api, f"{method}_with_http_info")(*arguments)
        self._console.print(f"    {answer.status_code} {_shown(json.loads(answer.raw_data))}", style="dim")
        return answer.data

    def _refused(self, api: Any, method: str, *arguments: Any) -> None:
        self._announce(method, arguments)
        try:
            getattr(api, method)(*arguments)
        except sunshine.UnauthorizedException as error:
            self._console.print(f"    {error.status} {error.code}: {error.title}", style="yellow")
        else:
            raise AssertionError(f"{method} was accepted after its key had been deleted")

    def _announce(self, method: str, arguments: tuple[Any, ...]) -> None:
        self._console.print(f"  [cyan]{method}[/]({', '.join(_shown(argument) for argument in arguments)})")

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/]")

    def _say(self, text: str) -> None:
        self._console.print(text)


def _short(secret: str) -> str:
    return secret[:6] + "…"


def _shown(value: Any) -> str:
    """Format an argument or an answer as JSON. Shorten its secrets, and escape what rich would read as markup."""

    def shortened(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: _short(item) if name == "secret" and isinstance(item, str) else shortened(item)
                for name, item in value.items()
            }
        return [shortened(item) for item in value] if isinstance(value, list) else value

    plain = value.to_dict() if isinstance(value, Model) else value
    return escape(json.dumps(shortened(plain), ensure_ascii=False))
