"""Calls that were written for versions of the official package before 17."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.scripts import NewScript, answer
from support.wire import Service, Tenant

import sunshine_conversations_client as sunshine


@pytest.fixture
def client(service: Service, tenant: Tenant) -> Iterator[sunshine.ApiClient]:
    configuration = sunshine.Configuration(service.url, username=tenant.app_key.id, password=tenant.app_key.secret)
    with sunshine.ApiClient(configuration, pool_threads=4) as client:
        yield client


def test_async_req_returns_an_object_that_waits(client: sunshine.ApiClient, tenant: Tenant) -> None:
    api = sunshine.CustomIntegrationApiKeysApi(client)
    owner = (tenant.app_id, tenant.integration_id)
    threads: list[Any] = [api.list_custom_integration_keys(*owner, async_req=True) for _ in range(8)]
    assert [thread.get(10).keys[0].id for thread in threads] == [tenant.key.id] * 8
    info: Any = api.list_custom_integration_keys_with_http_info(*owner, async_req=True)
    assert info.get(10).status_code == 200
    failing: Any = api.get_custom_integration_key(*owner, "int_x", async_req=True)
    with pytest.raises(sunshine.NotFoundException):
        failing.get(10)
    assert threading.active_count() >= 4
    client.close()
    assert not [thread for thread in threading.enumerate() if "_worker" in thread.name or "worker" in thread.name]


def test_preload_content_false_returns_the_unread_response(client: sunshine.ApiClient, tenant: Tenant) -> None:
    raw: Any = sunshine.AppsApi(client).get_app(tenant.app_id, _preload_content=False)
    assert json.loads(raw.read())["app"]["id"] == tenant.app_id


def test_return_http_data_only_returns_the_data(client: sunshine.ApiClient, tenant: Tenant) -> None:
    api = sunshine.AppsApi(client)
    data: Any = api.get_app_with_http_info(tenant.app_id, _return_http_data_only=True)
    assert data.app.id == tenant.app_id
    assert api.get_app(tenant.app_id, _return_http_data_only=False).app
    assert api.get_app_with_http_info(tenant.app_id, _return_http_data_only=None).data.app


def test_other_old_keywords_are_accepted_and_unknown_ones_rejected(client: sunshine.ApiClient, tenant: Tenant) -> None:
    api = sunshine.AppsApi(client)
    assert api.get_app(tenant.app_id, _check_input_type=False, _check_return_type=False, async_req=None).app
    with pytest.raises(TypeError, match="unexpected keyword argument '_nonsense'"):
        api.get_app(tenant.app_id, _nonsense=1)  # type: ignore[call-arg]


def test_models_take_positional_values() -> None:
    positional: Callable[..., Any] = sunshine.IntegrationApiKey
    assert positional("x", local_vars_configuration=None) == sunshine.IntegrationApiKey(display_name="x")
    page: Callable[..., Any] = sunshine.Page
    assert page("a" * 24, size=3).to_dict() == {"after": "a" * 24, "size": 3}


def test_integer_ids_are_sent_as_their_digits(script: NewScript) -> None:
    server = script(answer(body=b'{"app": {}}'))
    with sunshine.ApiClient(sunshine.Configuration(server.url)) as client:
        sunshine.AppsApi(client).get_app(12)  # type: ignore[arg-type]
    assert server.lines == ["GET /v2/apps/12 HTTP/1.1"]


@pytest.mark.parametrize("locked", [False, True], ids=["", "while the pool is being created"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_async_req_works_in_a_forked_child(client: sunshine.ApiClient, tenant: Tenant, locked: bool) -> None:
    api = sunshine.AppsApi(client)

    def call() -> Any:
        later: Any = api.get_app(tenant.app_id, async_req=True)
        return later.get(20).app.id

    assert call() == tenant.app_id
    if locked:
        client._lock.acquire()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if call() == tenant.app_id:
                client.close()
                status = 0 if call() == tenant.app_id else 2
        finally:
            os._exit(status)
    if locked:
        client._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert call() == tenant.app_id


def test_arguments_may_have_their_earlier_names(script: NewScript) -> None:
    server = script(answer(body=b'{"access_token": "t"}'), answer("201 Created", body=b'{"attachment": {}}'))
    with sunshine.ApiClient(sunshine.Configuration(server.url)) as client:
        call: Callable[..., Any] = sunshine.OAuthEndpointsApi(client).get_token
        token = call(inline_object=sunshine.InlineObject(code="1", grant_type="authorization_code"))
        upload: Callable[..., Any] = sunshine.AttachmentsApi(client).upload_attachment_with_http_info
        upload("app", "public", ("a.txt", b"x"), _for="message")
    assert (
        token.access_token == token["access_token"] == token.get("access_token") == dict(token)["access_token"] == "t"
    )
    assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2]) == {"code": "1", "grant_type": "authorization_code"}
    assert server.lines[1] == "POST /v2/apps/app/attachments?access=public&for=message HTTP/1.1"


def test_an_undefined_value_is_not_set() -> None:
    from sunshine_conversations_client.undefined import Undefined

    nothing: Any = Undefined()
    assert sunshine.Author(type="user", user_id=nothing).to_dict() == {"type": "user"}


def test_fields_have_the_names_of_all_versions() -> None:
    post: Callable[..., Any] = sunshine.MessagePost
    for name in ("schema", "var_schema"):
        message = post(**{name: "whatsapp"})
        assert message.schema == message.var_schema == "whatsapp"
        message.var_schema = "other"
        assert message.to_dict() == {"schema": "other"}
