"""`doctor`: the real cause of a refusal, for whoever has the store, and no secret in what it says."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from support.commands import run
from support.servers import Server
from support.wire import Key, Wire, first_run

from sunshine_keys import server
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import Settings
from sunshine_keys.keys.secrets import new_secret

KEYS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90/keys"
UNKNOWN = "int_0123456789abcdef01234567"


class Store:
    """A store with the samples' keys, served where a test asks for it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        made = first_run(self.data, sample=True)
        self.account, self.app_key, self.key = (Key.of(made[name]) for name in ("account_key", "app_key", "key"))
        self.secrets = [self.account.secret, self.app_key.secret, self.key.secret]

    def doctor(self, given: str = "", *options: str) -> tuple[bool | None, dict[str, str]]:
        """Whether it would be accepted, and the last finding; checks what holds for all of them."""
        result = run("doctor", "--data", str(self.data), "--json", *options, stdin=given)
        assert result.stderr == ""
        told = json.loads(result.stdout)
        assert result.returncode == {True: 0, False: 1, None: 3}[told["accepted"]]
        for secret in [*self.secrets, *re.findall(r"[A-Za-z0-9_.-]{60,}", given)]:
            assert secret not in result.stdout
        return told["accepted"], told["findings"][-1]

    def cause(self, given: str, *options: str) -> str:
        accepted, finding = self.doctor(given, *options)
        assert accepted is False
        return finding["cause"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def signed(key: Key, secret: str | bytes | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    payload = {"scope": key.scope.value} | claims
    return jwt.encode(payload, secret or key.secret, "HS256", headers={"kid": key.id} | (headers or {}))


def test_what_is_accepted_however_it_is_given(store: Store) -> None:
    key = store.key
    token = tokens.mint(key.id, key.secret, Scope.INTEGRATION)
    for given in (f"{key.id}:{key.secret}\n", f"Authorization: {key.basic()}", key.bearer(), token, f"bearer {token}"):
        accepted, finding = store.doctor(given)
        assert accepted is True
        assert finding["told"].startswith(f"key {key.id} is accepted, with scope integration, of app ")


def test_what_it_was_used_for_may_need_another_scope_or_owner(store: Store) -> None:
    def asked(key: Key, request: str) -> tuple[bool | None, str]:
        accepted, finding = store.doctor(key.basic(), "--for", request)
        return accepted, finding["told"]

    assert asked(store.key, f"GET {KEYS}") == (
        False, "it may not do this: scope integration where account or app is needed",
    )  # fmt: skip
    assert asked(store.app_key, f"POST {KEYS}")[0] is True
    assert asked(store.app_key, "POST /v2/apps") == (False, "it may not do this: scope app where account is needed")
    assert asked(store.app_key, "GET /v2/apps/x") == (False, "it may not do this: the key is for another app")
    assert asked(store.key, KEYS.replace("keys", "webhooks").replace("/v2", "get /v2", 1).replace("029c", "129c"))[
        1
    ] == ("it may not do this: the key is for another integration")
    assert asked(store.key, "GET /nonsense") == (False, "there is no such path")
    assert run("doctor", "--data", str(store.data), "--for", "nonsense").returncode == 2


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ("Digest x", "malformed_header"),
        ("Basic", "malformed_header"),
        ("Basic nonsense", "malformed_header"),
        ("Basic Og==", "malformed_header"),
        ("Bearer x", "malformed_token"),
        ("Bearer a.b.c", "malformed_token"),
        ("act_1:secret", "malformed_id"),
        (f" {UNKNOWN}:secret", "unknown_key"),
        (basic(f"{UNKNOWN} :secret"), "malformed_id"),
        (basic(f"secret:{UNKNOWN}"), "swapped"),
        pytest.param(new_secret(), "secret_alone", id="a secret"),
        pytest.param(tokens.mint(UNKNOWN, "x", Scope.APP), "unknown_key", id="a token of an unknown key"),
        pytest.param(tokens.mint("x", "x", Scope.APP), "malformed_kid", id="a token of no key"),
        (jwt.encode({}, None, "none", headers={"kid": UNKNOWN}), "wrong_alg"),
        (jwt.encode({}, "x" * 64, "HS512", headers={"kid": UNKNOWN}), "wrong_alg"),
        (jwt.encode({}, "x" * 64, "HS256"), "malformed_token"),
    ],
)
def test_what_needs_no_key_to_be_told(store: Store, given: str, cause: str) -> None:
    assert store.cause(given) == cause


def test_what_is_wrong_with_a_secret(store: Store) -> None:
    key, secret = store.key, store.key.secret
    assert store.cause(basic(f"{key.id}:{secret}\n")) == "untrimmed_secret"
    assert store.cause(f'{key.id}:"{secret}"') == "untrimmed_secret"
    assert store.cause(f"{key.id}:{store.app_key.secret}") == "secret_of_another_key"
    assert store.cause(f"{key.id}:{secret[:80]}") == "wrong_secret"
    assert store.cause(f"{key.id}:{new_secret()}") == "wrong_secret"
    mistyped = ("B" if secret[3] == "A" else "A").join((secret[:3], secret[4:]))
    assert store.cause(f"{key.id}:{mistyped}") == "mistyped_secret"


def test_what_is_wrong_with_a_signature(store: Store) -> None:
    key = store.key
    decoded = base64.urlsafe_b64decode(key.secret + "==")
    for secret in (f"{key.secret}\n", decoded):
        assert store.cause(signed(key, secret)) == "misread_secret"
    accepted, finding = store.doctor(signed(key, store.app_key.secret))
    assert (accepted, finding["cause"]) == (False, "signed_with_another_key")
    assert store.app_key.id in finding["told"]
    assert store.cause(signed(key, new_secret())) == "wrong_signature"


def test_what_is_wrong_with_claims(store: Store) -> None:
    key = store.key
    now = int(time.time())
    wrong = store.doctor(signed(key, scope="app"))[1]
    assert (wrong["cause"], "scope is `app`, where `integration` is needed" in wrong["told"]) == ("wrong_scope", True)
    assert store.cause(signed(key, scope=None)) == "wrong_scope"

    behind = store.doctor(signed(key, iat=now - 540, exp=now - 240))[1]
    assert behind["cause"] == "expired"
    assert re.search(r"expired at \S+Z \(exp\), 4 minutes before .* for 5 minutes$", behind["told"])
    assert "the clock of the machine that signs is 9 minutes behind" in behind["advice"]
    ahead = store.doctor(signed(key, nbf=now + 240))[1]
    assert ahead["cause"] == "not_yet_valid"
    assert re.search("is [34] minutes ahead", ahead["advice"])
    assert "in milliseconds" in store.doctor(signed(key, nbf=now * 1000))[1]["told"]
    assert store.cause(signed(key, exp="soon", iat=now)) == "malformed_token"


def test_a_token_is_judged_by_the_time_it_was_used(store: Store) -> None:
    token = signed(store.key, exp=int(time.time()) - 600)
    assert store.cause(token) == "expired"
    assert store.doctor(token, "--at", "20m")[0] is True
    assert run("doctor", "--data", str(store.data), "--at", "x", stdin=token).returncode == 1


@pytest.fixture
def wire(store: Store) -> Iterator[Wire]:
    with server.running(Settings(store.data)) as url:
        yield Wire(url)


def test_who_deleted_a_key_and_when(store: Store, wire: Wire) -> None:
    made = Key.of(wire.post(KEYS, store.app_key, {"displayName": "x"}).json["key"])
    deleted = wire.delete(f"{KEYS}/{made.id}", store.app_key)
    refused = wire.get(KEYS.replace("keys", "webhooks"), made)
    assert refused.status == 401
    asked = made.basic(), made.bearer()
    for _, finding in map(store.doctor, asked):
        assert finding["cause"] == "key_deleted"
        assert re.search(r"was deleted at 20\S+Z by " + store.app_key.id, finding["told"])
        assert deleted.headers["x-request-id"] in finding["told"]


def test_a_key_that_went_with_its_integration_or_app(store: Store, wire: Wire) -> None:
    app, _, integration = KEYS.removesuffix("/keys").partition("/integrations/")
    wire.delete(f"{app}/integrations/{integration}", store.app_key)
    assert store.cause(store.key.basic()) == "unknown_key"  # the samples' keys have no entries of their own
    other = wire.post(f"{app}/integrations", store.app_key, {
        "type": "custom", "webhooks": [{"target": "https://example.com", "triggers": ["*"]}]}).json["integration"]["id"]  # fmt: skip
    made = Key.of(wire.post(f"{app}/integrations/{other}/keys", store.app_key, {"displayName": "x"}).json["key"])
    own = Key.of(wire.post(f"{app}/keys", store.account, {"displayName": "x"}).json["key"])
    wire.delete(f"{app}/integrations/{other}", store.app_key)
    assert store.cause(made.basic()) == "integration_deleted"
    wire.delete(app, store.account)
    assert store.cause(own.basic()) == "app_deleted"


def test_the_cause_of_a_refused_request_by_its_id(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def told(request_id: str) -> dict[str, str]:
        return store.doctor("", request_id)[1]

    expired = signed(store.account, exp=int(time.time()) - 240)
    with Server(store.data) as serving:
        wire = serving.wire
        made = [Key.of(wire.post(KEYS, store.app_key, {"displayName": "x"}).json["key"]) for _ in range(2)]
        done = wire.delete(f"{KEYS}/{made[0].id}", store.app_key).headers["x-request-id"]
        gone = wire.get("/v2/tokenInfo", made[0]).headers["x-request-id"]
        scope = wire.get(KEYS, store.key).headers["x-request-id"]
        secret = wire.get(KEYS, Key(store.app_key.id, "wrong")).headers["x-request-id"]
        late = wire.get(KEYS, f"Bearer {expired}").headers["x-request-id"]
        before = wire.get(KEYS, f"Bearer {signed(made[1], new_secret())}").headers["x-request-id"]
        wire.delete(f"{KEYS}/{made[1].id}", store.app_key)
        read = wire.get(KEYS, store.app_key).headers["x-request-id"]
    assert told(gone)["cause"] == "key_deleted"
    assert told(scope)["cause"] == "forbidden"
    assert told(scope)["told"].endswith("scope integration where account or app is needed")
    assert told(secret)["cause"] == "wrong_secret"
    assert re.search("JWT expired 24[0-9] seconds before", told(late)["told"])
    assert told(before)["cause"] == "refused_before_it_was_deleted"
    assert store.doctor("", done)[0] is True
    assert store.doctor("", read) == (None, store.doctor("", "f" * 24)[1] | {
        "told": f"the audit trail has no entry of request {read}"})  # fmt: skip


def test_a_secret_in_the_place_of_the_requests_id_is_not_repeated(store: Store) -> None:
    result = run("doctor", "--data", str(store.data), store.key.secret)
    assert (result.returncode, result.stdout) == (2, "")
    assert store.key.secret not in result.stderr
    assert run("doctor", "--data", str(store.data)).returncode == 2


def test_for_a_person_it_is_a_sentence(store: Store) -> None:
    result = run("doctor", "--data", str(store.data), "--for", f"GET {KEYS}", stdin=store.key.basic())
    assert result.stdout.splitlines()[0].startswith(f"Accepted: key {store.key.id} is accepted, with scope integration")
    assert result.stdout.splitlines()[1].startswith("Refused: it may not do this: scope integration")


def test_no_store_is_made(tmp_path: Path) -> None:
    for arguments, stdin in ((["f" * 24], ""), ([], "act_1:x")):
        result = run("doctor", *arguments, "--data", str(tmp_path / "none"), stdin=stdin)
        assert result.returncode == 1
        assert "there is no store" in result.stderr
    assert not (tmp_path / "none").exists()
