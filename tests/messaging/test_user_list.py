"""The list of all users of an app, which only this service has."""

from __future__ import annotations

import pytest
from support.messaging import create_user
from support.stores import STORES
from support.wire import Service, Tenant, Wire, make_tenant

pytestmark = pytest.mark.parametrize("service", STORES, indirect=True, scope="session")


def test_users_are_listed_newest_first_and_in_both_directions(wire: Wire, service: Service, tenant: Tenant) -> None:
    users = [create_user(wire, tenant, externalId=f"user-{place}") for place in range(5)]
    create_user(wire, make_tenant(wire, service.account))
    path = f"/sunshine/v1/apps/{tenant.app_id}/users"
    newest_first = sorted((user["id"] for user in users), reverse=True)

    def ids(query: str) -> tuple[list[str], bool]:
        answer = wire.get(f"{path}?{query}", tenant.app_key).json
        return [user["id"] for user in answer["users"]], answer["hasMore"]

    assert ids("") == (newest_first, False)
    assert ids("limit=2") == (newest_first[:2], True)
    assert ids(f"limit=2&before={newest_first[1]}") == (newest_first[2:4], True)
    assert ids(f"before={newest_first[1]}") == (newest_first[2:], False)
    assert ids(f"limit=2&after={newest_first[4]}") == (newest_first[3:1:-1], True)
    shown = wire.get(path, tenant.account).json["users"]
    assert [user["externalId"] for user in sorted(shown, key=lambda user: str(user["id"]))] == [
        user["externalId"] for user in sorted(users, key=lambda user: str(user["id"]))
    ]


@pytest.mark.parametrize(
    "query", ["before=x", "after=x", "limit=0", "limit=101", f"before={'0' * 24}&after={'0' * 24}"]
)
def test_invalid_query_is_rejected(wire: Wire, tenant: Tenant, query: str) -> None:
    answer = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/users?{query}", tenant.app_key)
    assert answer.errors == [("bad_request", "Invalid query parameters")]


def test_only_keys_of_the_account_and_of_the_app_list_its_users(wire: Wire, service: Service, tenant: Tenant) -> None:
    path = f"/sunshine/v1/apps/{tenant.app_id}/users"
    assert wire.get(path, tenant.key).status == 403
    assert wire.get(path, make_tenant(wire, service.account).app_key).status == 403
    assert wire.get(path.replace(tenant.app_id, "0" * 24), tenant.account).errors[0][0] == "app_not_found"
