"""All operations against the real service, in all three variants."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from api_facts import load
from support.drivers import Driver
from support.scripts import NewClient
from support.wire import Key, Service, Tenant, Wire

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
from sunshine_keys.compose import ROUTER, open_engine
from sunshine_keys.settings import Settings
from sunshine_keys.testing.process import LoopThread
from sunshine_keys.wire.application import Application


@pytest.fixture(scope="module")
def in_process(service: Service) -> Iterator[Callable[[Driver], Any]]:
    """Return a function that creates in-process transports to the production application, on the store of the service."""
    thread = LoopThread.shared()
    engine = thread.submit(open_engine(Settings(service.data))).result(30)
    application: Any = Application(engine, ROUTER)
    yield lambda driver: driver.transport(application, thread)
    thread.submit(application.close()).result(30)
    thread.submit(engine.close()).result(30)


@pytest.fixture(params=["socket", "in-process"])
def transport(request: pytest.FixtureRequest) -> Any:
    """Run every test of this file with a socket and in-process."""
    return (lambda driver: None) if request.param == "socket" else request.getfixturevalue("in_process")


def test_the_life_of_an_integration_key(driver: Driver, client: Any, tenant: Tenant) -> None:
    api = driver.CustomIntegrationApiKeysApi(client)
    owner = (tenant.app_id, tenant.integration_id)

    created = api.create_custom_integration_key(*owner, sunshine.IntegrationApiKey(display_name="Größe"))
    assert isinstance(created, sunshine.IntegrationApiKeyResponse)
    key = created.key
    assert isinstance(key, sunshine.ApiKey)
    assert key.id and key.id.startswith("int_")
    assert (key.display_name, len(key.secret or "")) == ("Größe", 86)

    listed = api.list_custom_integration_keys(*owner)
    assert isinstance(listed, sunshine.IntegrationApiKeyListResponse)
    assert listed.keys and listed.keys[-1] == key
    assert api.get_custom_integration_key(*owner, key.id).key == key
    assert api.delete_custom_integration_key(*owner, key.id) == {}
    with pytest.raises(sunshine.NotFoundException) as gone:
        api.get_custom_integration_key(*owner, key.id)
    assert (gone.value.status, gone.value.code, gone.value.title) == (404, "not_found", "Resource not found")


def test_file_is_uploaded_and_deleted(driver: Driver, client: Any, tenant: Tenant, wire: Wire, tmp_path: Path) -> None:
    api = driver.AttachmentsApi(client)
    file = tmp_path / "notes.txt"
    file.write_bytes(b"Hello!" * 100_000)
    attachment = api.upload_attachment(tenant.app_id, "public", file).attachment
    assert attachment.media_type == "text/plain"
    path = urlsplit(attachment.media_url).path
    assert path.endswith("/notes.txt")
    assert wire.get(path).content == file.read_bytes()
    assert api.delete_attachment(tenant.app_id, {"mediaUrl": attachment.media_url}) == {}
    with pytest.raises(sunshine.NotFoundException) as gone:
        api.delete_attachment(tenant.app_id, {"mediaUrl": attachment.media_url})
    assert (gone.value.status, gone.value.code, gone.value.title) == (404, "not_found", "Attachment not found")


@pytest.mark.parametrize(
    "body",
    [{"displayName": "x"}, {"display_name": "x"}, sunshine.IntegrationApiKey(displayName="x")],  # type: ignore[call-arg]
)
def test_a_body_may_be_a_model_or_a_dict(driver: Driver, client: Any, tenant: Tenant, body: dict[str, str]) -> None:
    api = driver.CustomIntegrationApiKeysApi(client)
    created = api.create_custom_integration_key(
        app_id=tenant.app_id, integration_id=tenant.integration_id, integration_api_key=body
    )
    assert created.key and created.key.display_name == "x"


def test_an_empty_model_is_sent_and_the_service_names_the_missing_property(
    driver: Driver, client: Any, tenant: Tenant
) -> None:
    api = driver.CustomIntegrationApiKeysApi(client)
    with pytest.raises(sunshine.BadRequestException) as refused:
        api.create_custom_integration_key(tenant.app_id, tenant.integration_id, sunshine.IntegrationApiKey())
    assert refused.value.title == "should have required property 'displayName'"


def test_an_error_has_the_error_list_of_the_answer(driver: Driver, client: Any, tenant: Tenant) -> None:
    with pytest.raises(sunshine.BadRequestException) as refused:
        driver.CustomIntegrationApiKeysApi(client).list_custom_integration_keys(tenant.app_id, tenant.web_id)
    error = refused.value
    assert isinstance(error.data, sunshine.ErrorResponse)
    assert error.data.errors == [
        sunshine.Error(code="bad_request", title="API keys are available only for custom integrations")
    ]
    assert (
        error.body
        == '{"errors":[{"code":"bad_request","title":"API keys are available only for custom integrations"}]}'
    )
    assert error.headers and error.headers["Content-Type"].startswith("application/json")
    assert error.request_id == error.headers["X-REQUEST-ID"]
    assert error.method == "GET"


def test_the_life_of_an_app(driver: Driver, account: Any, tenant: Tenant) -> None:
    api = driver.AppsApi(account)
    app = api.create_app(
        sunshine.AppCreateBody(
            display_name="Mine", settings=sunshine.AppSettings(multi_convo_enabled=True), metadata={"a": [1]}
        )
    ).app
    assert app and app.id and app.settings
    assert (app.display_name, app.settings.multi_convo_enabled, app.metadata) == ("Mine", True, {"a": [1]})
    assert api.get_app(app.id).app == app
    updated = api.update_app(app.id, sunshine.AppUpdateBody(display_name="New", metadata=None)).app
    assert updated and (updated.display_name, updated.metadata) == ("New", None)
    page = api.list_apps(page=sunshine.Page(size=1, before=app.id), filter=sunshine.AppListFilter())
    assert page.apps and [neighbour.id for neighbour in page.apps] == [tenant.app_id]
    assert page.meta is not None
    assert api.delete_app(app.id) == {}


def test_the_life_of_an_app_key(
    driver: Driver, account: Any, tenant: Tenant, service: Service, new_client: NewClient
) -> None:
    api = driver.AppKeysApi(account)
    key = api.create_app_key(tenant.app_id, sunshine.AppKeyCreateBody(display_name="Mine")).key
    assert isinstance(key, sunshine.AppKey) and key.id and key.secret
    assert api.get_app_key(tenant.app_id, key.id).key == key
    assert key in (api.list_app_keys(tenant.app_id).keys or [])
    own = new_client(service.url, Key(key.id, key.secret))
    app = driver.OAuthEndpointsApi(own).get_token_info().app
    assert app and app.id == tenant.app_id
    assert api.delete_app_key(tenant.app_id, key.id) == {}


def test_the_life_of_an_integration(driver: Driver, client: Any, tenant: Tenant) -> None:
    api = driver.IntegrationsApi(client)
    webhook = sunshine.Webhook(target="https://example.com", triggers=["user:merge"], include_full_user=True)
    custom = api.create_integration(tenant.app_id, sunshine.Custom(display_name="Mine", webhooks=[webhook])).integration
    assert isinstance(custom, sunshine.Custom) and custom.id and custom.webhooks
    assert (custom.type, custom.status, custom.webhooks[0].include_full_user) == (
        "custom",
        sunshine.Status.ACTIVE,
        True,
    )
    web = api.create_integration(tenant.app_id, sunshine.Web(show_ai_disclaimer=True)).integration
    assert isinstance(web, sunshine.Web) and web.show_ai_disclaimer is True
    assert api.get_integration(tenant.app_id, custom.id).integration == custom

    for update in (
        sunshine.CustomUpdate(display_name="New"),
        sunshine.IntegrationUpdate(sunshine.CustomUpdate(display_name="New")),
        sunshine.IntegrationUpdate({"display_name": "New"}),
        {"displayName": "New"},
    ):
        updated = api.update_integration(tenant.app_id, custom.id, update).integration
        assert updated and updated.display_name == "New"
        cleared = api.update_integration(tenant.app_id, custom.id, sunshine.CustomUpdate(display_name=None)).integration
        assert cleared and cleared.display_name is None

    page = api.list_integrations(tenant.app_id, sunshine.Page(size=1), {"types": "custom,web"})
    assert page.integrations and page.meta and page.links
    assert len(page.integrations) == 1
    assert page.meta.has_more is True
    assert page.links.next and "page[after]" in page.links.next
    assert api.delete_integration(tenant.app_id, custom.id) == {}


def test_the_life_of_a_webhook_with_the_integrations_key(
    driver: Driver, service: Service, tenant: Tenant, new_client: NewClient
) -> None:
    api = driver.WebhooksApi(new_client(service.url, tenant.key))
    owner = (tenant.app_id, tenant.integration_id)
    body = sunshine.WebhookCreateBody(target="https://example.com", triggers=["user:merge"], include_full_user=True)
    webhook = api.create_webhook(*owner, body).webhook
    assert webhook and webhook.id and webhook.secret
    assert api.get_webhook(*owner, webhook.id).webhook == webhook
    updated = api.update_webhook(*owner, webhook.id, sunshine.WebhookBody(triggers=["user:update"])).webhook
    assert updated and (updated.triggers, updated.include_full_user) == (["user:update"], True)
    assert updated in (api.list_webhooks(*owner).webhooks or [])
    assert api.delete_webhook(*owner, webhook.id) == {}


def test_with_http_info_returns_status_headers_data_and_bytes(driver: Driver, client: Any, tenant: Tenant) -> None:
    api = driver.CustomIntegrationApiKeysApi(client)
    info = api.create_custom_integration_key_with_http_info(
        tenant.app_id, tenant.integration_id, sunshine.IntegrationApiKey(display_name="x")
    )
    assert info.status_code == 201
    assert info.headers["content-type"] == info.headers["Content-Type"] == "application/json; charset=utf-8"
    assert info.data.to_dict() == json.loads(info.raw_data)


def test_without_preload_content_returns_the_response_of_the_http_library(
    driver: Driver, client: Any, tenant: Tenant
) -> None:
    api = driver.CustomIntegrationApiKeysApi(client)
    owner = (tenant.app_id, tenant.integration_id)
    raw = api.get_custom_integration_key_without_preload_content(*owner, tenant.key.id)
    libraries = {"sync": ["urllib3"], "async": ["aiohttp", "sunshine_keys"]}  # the last one in-process
    modules = {kind.__module__.partition(".")[0] for kind in type(raw).__mro__}
    assert modules & set(libraries[driver.name])
    assert (raw.status, json.loads(driver.read(raw))["key"]["id"]) == (200, tenant.key.id)
    missing = api.get_custom_integration_key_without_preload_content(*owner, "int_x")
    assert missing.status == 404
    missing.close()


APIS = [getattr(package, name) for package in (sunshine, aio) for name in package.__all__ if name.endswith("Api")]


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.__module__.rpartition("client.")[2])
def test_every_method_has_three_variants_the_options_and_a_docstring(api: type) -> None:
    methods = {name: method for name, method in inspect.getmembers(api, inspect.isfunction) if name[0] != "_"}
    methods = {name: method for name, method in methods.items() if not name.startswith("iterate_")}
    plain = [name for name in methods if not name.endswith(("_with_http_info", "_without_preload_content"))]
    assert plain
    assert len(methods) == 3 * len(plain)
    for name in plain:
        shapes = set()
        for suffix in ("", "_with_http_info", "_without_preload_content"):
            method = methods[name + suffix]
            assert inspect.getdoc(method)
            assert inspect.iscoroutinefunction(method) == (".aio." in api.__module__)
            parameters = [name for name in inspect.signature(method).parameters if name != "legacy"]
            assert parameters[-5:] == ["_request_timeout", "_request_auth", "_content_type", "_headers", "_host_index"]
            shapes.add(tuple(parameters))
        assert len(shapes) == 1


def operations(package: ModuleType) -> set[str]:
    suffix = "_with_http_info"
    classes = [getattr(package, name) for name in package.__all__ if name.endswith("Api")]
    return {name.removesuffix(suffix) for api in classes for name in vars(api) if name.endswith(suffix)}


def test_every_covered_operation_has_its_method() -> None:
    assert operations(sunshine) == {operation.name for operation in load().covered.values()}


def test_both_clients_have_every_operation_of_the_service(wire: Wire) -> None:
    paths = wire.get("/openapi.json").json["paths"].items()
    items = [item for path, methods in paths if path.startswith("/v2/") for item in methods.values()]
    served = {
        item["operationId"] for item in items if "operationId" in item
    }  # an item may also be a list of parameters
    assert served
    assert {re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in served} <= operations(sunshine)
    assert operations(aio) == operations(sunshine)


def test_a_closed_client_opens_new_connections(
    driver: Driver, service: Service, tenant: Tenant, new_client: NewClient
) -> None:
    with new_client(service.url, tenant.app_key) as client:
        api = driver.AppsApi(client)
        api.get_app(tenant.app_id)
    assert api.get_app(tenant.app_id).app


def test_an_api_class_without_a_client_uses_the_default_client(service: Service, tenant: Tenant) -> None:
    configuration = sunshine.Configuration(service.url, username=tenant.app_key.id, password=tenant.app_key.secret)
    try:
        with sunshine.ApiClient(configuration) as client:
            sunshine.ApiClient.set_default(client)
            assert sunshine.AppsApi().get_app(tenant.app_id).app
    finally:
        sunshine.ApiClient.set_default(None)


def test_forty_threads_share_a_client(service: Service, tenant: Tenant) -> None:
    configuration = sunshine.Configuration(service.url, username=tenant.app_key.id, password=tenant.app_key.secret)
    with sunshine.ApiClient(configuration) as client, ThreadPoolExecutor(40) as pool:
        api = sunshine.CustomIntegrationApiKeysApi(client)
        owner = (tenant.app_id, tenant.integration_id)
        answers = list(pool.map(lambda _: api.get_custom_integration_key(*owner, tenant.key.id), range(400)))
    assert len(answers) == 400
    assert all(answer.key and answer.key.secret == tenant.key.secret for answer in answers)


async def test_a_thousand_tasks_share_a_client(service: Service, tenant: Tenant) -> None:
    configuration = sunshine.Configuration(service.url, username=tenant.app_key.id, password=tenant.app_key.secret)
    async with aio.ApiClient(configuration) as client:
        api = aio.CustomIntegrationApiKeysApi(client)
        owner = (tenant.app_id, tenant.integration_id)
        calls = (api.get_custom_integration_key(*owner, tenant.key.id) for _ in range(1000))
        answers = await asyncio.gather(*calls)
    assert len(answers) == 1000
    assert all(answer.key and answer.key.secret == tenant.key.secret for answer in answers)
    assert len(asyncio.all_tasks()) == 1


def test_a_forked_child_opens_its_own_connections() -> None:
    """On its parent's connections it could read the parent's answers."""
    ports = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ports.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b'{"app": {}}')

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests free of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        with sunshine.ApiClient(sunshine.Configuration(f"http://127.0.0.1:{listening.server_port}")) as client:
            api = sunshine.AppsApi(client)
            for _ in range(2):
                api.get_app("a")
            child = os.fork()
            if child == 0:
                try:
                    api.get_app("a")
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            api.get_app("a")
        listening.shutdown()
    assert ports[0] == ports[1] == ports[3]
    assert ports[2] != ports[0]
