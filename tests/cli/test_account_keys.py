"""`account-keys` on both stores, beside processes that serve them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess

import pytest
from support.commands import run
from support.servers import Server
from support.wire import Key, Place, first_run

from sunshine_keys.errors import BadRequest
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.model import moment_of
from sunshine_keys.keys.table import account_keys
from sunshine_keys.opening import opened_store
from sunshine_keys.store import OPERATOR, Origin
from sunshine_keys.store.audit import Entry


@pytest.fixture
def first(place: Place) -> Key:
    """The account key of a new store."""
    return Key.of(first_run(place)["account_key"])


def account(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("account-keys", *arguments, *place.options)


def created(place: Place, *arguments: str) -> Key:
    return Key.of(json.loads(account(place, "create", *arguments, "--json").stdout))


def trail(place: Place) -> list[Entry]:
    async def read() -> list[Entry]:
        async with opened_store(place.settings) as store:
            return await store.audit_entries(0, 1000)

    return asyncio.run(read())


def test_a_deleted_account_key_is_refused_by_every_process_that_had_accepted_it(place: Place, first: Key) -> None:
    second = created(place, "Somebody who left")
    with Server(place, "--workers", "2") as one_node, Server(place) as other_node:
        for server in (one_node, other_node) * 4:
            assert server.wire.get("/v2/apps", second).status == 200
        result = account(place, "delete", second.id, "--yes")
        assert (result.returncode, result.stdout) == (0, f"Deleted account key {second.id}.\n")
        for server in (one_node, other_node) * 4:
            assert server.wire.get("/v2/apps", second).status == 401
            assert server.wire.get("/v2/apps", second.bearer()).status == 401
            assert server.wire.get("/v2/apps", first).status == 200
    (entry,) = [entry for entry in trail(place) if entry.action == "key.delete"]
    assert (entry.actor, entry.resource, entry.outcome) == ("operator", f"keys/{second.id}", "done")
    assert "was deleted at 20" in run("doctor", *place.options, stdin=second.basic()).stdout


def test_list_shows_the_last_use_and_no_secret(place: Place, first: Key) -> None:
    second = created(place)
    with Server(place) as server:
        assert server.wire.get("/v2/apps", first).status == 200
    result = account(place, "list")
    assert re.search(rf"{first.id}  Account key +20..-..-..T..:..:..Z +127.0.0.1\n", result.stdout)
    assert re.search(rf"{second.id}  Account key\n", result.stdout)
    shown = json.loads(account(place, "list", "--json").stdout)
    assert [key["id"] for key in shown] == [first.id, second.id]
    assert [key["lastSource"] for key in shown] == ["127.0.0.1", None]
    assert first.secret not in result.stdout and first.secret not in json.dumps(shown)
    assert account(place, "list", "--quiet").stdout.split() == [first.id, second.id]


def test_create_prints_the_key_once(place: Place, first: Key) -> None:
    result = account(place, "create", "An operator")
    key = Key(*re.findall(r"(?:id|secret)  +(\S+)", result.stdout))
    quiet = account(place, "create", "-q")
    with Server(place) as server:
        assert server.wire.get("/v2/apps", key).status == 200
        assert server.wire.get("/v2/apps", Key(quiet.stderr.split()[2].strip(";"), quiet.stdout.strip())).status == 200
    assert key.secret not in account(place, "list").stdout
    assert account(place, "create", "x" * 101).returncode == 2


def test_the_last_account_key_is_deleted_only_with_yes(place: Place, first: Key) -> None:
    result = account(place, "delete", first.id)
    assert result.returncode == 1
    assert "is the last account key" in result.stderr and "add --yes" in result.stderr
    assert account(place, "list", "-q").stdout.split() == [first.id]
    assert account(place, "delete", first.id, "--yes").returncode == 0
    assert account(place, "list", "-q").stdout == ""


def test_a_key_that_is_no_account_key_is_not_deleted(place: Place) -> None:
    sample = first_run(place, sample=True)
    result = account(place, "delete", sample["app_key"]["id"], "--yes")
    assert result.returncode == 3
    assert "the store has no account key" in result.stderr
    with Server(place) as server:
        assert server.wire.get("/v2/tokenInfo", Key.of(sample["app_key"])).status == 200


def test_without_a_terminal_nothing_is_deleted_without_yes(place: Place, first: Key) -> None:
    second = created(place)
    result = account(place, "delete", second.id)
    assert result.returncode == 2
    assert "there is no terminal" in result.stderr
    assert len(account(place, "list", "-q").stdout.split()) == 2


def test_two_account_keys_that_delete_each_other_at_once_leave_one(place: Place, first: Key) -> None:
    second = created(place)

    async def delete_both() -> tuple[list[object], list[str]]:
        async with opened_store(place.settings) as store:
            changes = [
                store.transact(Origin(first.id, request_id="1"), DeleteKey(None, None, second.id)),
                store.transact(Origin(second.id, request_id="2"), DeleteKey(None, None, first.id)),
                store.transact(OPERATOR, DeleteKey(None, None, first.id)),
            ]
            results = await asyncio.gather(*changes, return_exceptions=True)
            return list(results), [key.id for key in await store.read(account_keys())]

    results, left = asyncio.run(delete_both())
    assert len(left) == 1
    assert any(isinstance(result, BadRequest) for result in results)


def test_a_missing_store_is_not_created(place: Place) -> None:
    for command in (["list"], ["create"], ["delete", "act_1", "--yes"]):
        result = account(place, *command)
        assert result.returncode == 1
        assert "there is no store" in result.stderr


def test_an_account_key_that_has_ended_does_not_replace_the_last_one(place: Place, first: Key) -> None:
    ending = json.loads(account(place, "create", "--expires-in", "1s", "--json").stdout)

    async def delete() -> None:
        async with opened_store(place.settings) as store:
            await asyncio.sleep(max(0.0, moment_of(ending["expiresAt"]) - store.now() + 0.1))
            with pytest.raises(BadRequest, match="last account key"):
                await store.transact(OPERATOR, DeleteKey(None, None, first.id, now=store.now()))

    asyncio.run(delete())
    result = account(place, "delete", first.id)
    assert (result.returncode, "is the last account key" in result.stderr) == (1, True)
    assert account(place, "delete", ending["id"], "--yes").returncode == 0
    assert account(place, "list", "-q").stdout.split() == [first.id]
