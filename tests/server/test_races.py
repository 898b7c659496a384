"""Racing requests, in one process and in two processes on one store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed

from support.servers import Server
from support.wire import Key, Place, Service, Wire, first_run, make_tenant


def test_racing_creates_over_two_servers_make_ten_keys(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as first, Server(place, "--workers", "2") as second:
        tenant = make_tenant(first.wire, account)
        with ThreadPoolExecutor(16) as pool:
            wires = [(first, second)[number % 2].wire for number in range(48)]
            answers = list(pool.map(lambda wire: wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}), wires))

        assert sorted(answer.status for answer in answers) == [201] * 9 + [400] * 39
        created = {answer.json["key"]["id"] for answer in answers if answer.status == 201} | {tenant.key.id}
        for server in (first, second):
            listed = server.wire.get(tenant.keys, tenant.app_key).json["keys"]
            assert {key["id"] for key in listed} == created


def test_a_key_deleted_by_one_server_is_refused_by_the_other_at_once(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as first, Server(place) as second:
        tenant = make_tenant(first.wire, account)
        for _ in range(50):
            key = Key.of(first.wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).json["key"])
            token = key.bearer()
            assert second.wire.get(tenant.webhooks, key).status == 200
            assert second.wire.get(tenant.webhooks, token).status == 200
            assert first.wire.delete(f"{tenant.keys}/{key.id}", tenant.app_key).status == 200
            assert second.wire.get(tenant.webhooks, key).status == 401
            assert second.wire.get(tenant.webhooks, token).status == 401


def test_only_one_of_racing_deletes_succeeds(wire: Wire, service: Service) -> None:
    tenant = make_tenant(wire, service.account)
    path = f"{tenant.keys}/{tenant.key.id}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: wire.delete(path, tenant.app_key), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [404] * 7


def test_creates_racing_the_delete_of_their_integration_leave_no_key_behind(wire: Wire, service: Service) -> None:
    tenant = make_tenant(wire, service.account)
    with ThreadPoolExecutor(8) as pool:
        creates = [pool.submit(wire.post, tenant.keys, tenant.app_key, {"displayName": "x"}) for _ in range(8)]
        next(as_completed(creates))  # so that at least this key exists when its integration is deleted
        assert wire.delete(tenant.integration, tenant.app_key).status == 200
    answers = [create.result() for create in creates]
    assert {answer.status for answer in answers} <= {201, 404}
    created = [Key.of(answer.json["key"]) for answer in answers if answer.status == 201]
    assert created
    assert {wire.get(tenant.webhooks, key).status for key in created} == {401}
