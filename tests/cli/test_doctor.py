"""`doctor`: it names the real cause of a refusal, and shows no secret."""

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
from support.oauth import new_partner
from support.servers import Server
from support.wire import Key, Wire, first_run

from sunshine_keys import server
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import moment_text
from sunshine_keys.keys.secrets import new_secret
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import Rate, RateLimits

KEYS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90/keys"
UNKNOWN = "int_0123456789abcdef01234567"


class Store:
    """A store with the keys of the samples."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        sample = first_run(self.data, sample=True)
        self.account, self.app_key, self.key = (Key.of(sample[name]) for name in ("account_key", "app_key", "key"))
        self.secrets = [self.account.secret, self.app_key.secret, self.key.secret]

    def doctor(self, text: str = "", *options: str) -> tuple[bool | None, dict[str, str]]:
        """Return `accepted` and the last finding. Check the exit code, and that the output contains no secret."""
        result = run("doctor", "--data", str(self.data), "--json", *options, stdin=text)
        assert result.stderr == ""
        diagnosis = json.loads(result.stdout)
        assert result.returncode == {True: 0, False: 1, None: 3}[diagnosis["accepted"]]
        for secret in [*self.secrets, *re.findall(r"[A-Za-z0-9_.-]{60,}", text)]:
            assert secret not in result.stdout
        return diagnosis["accepted"], diagnosis["findings"][-1]

    def cause(self, text: str, *options: str) -> str:
        accepted, finding = self.doctor(text, *options)
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


def test_every_form_of_credentials_is_accepted(store: Store) -> None:
    key = store.key
    token = tokens.mint(key.id, key.secret, Scope.INTEGRATION)
    for text in (f"{key.id}:{key.secret}\n", f"Authorization: {key.basic()}", key.bearer(), token, f"bearer {token}"):
        accepted, finding = store.doctor(text)
        assert accepted is True
        assert finding["message"].startswith(f"key {key.id} is accepted, with scope integration, app ")


def test_access_token_is_explained(store: Store) -> None:
    with server.running(Settings(store.data)) as url:
        partner = new_partner(Wire(url), store.account, decision="allow", appId="5d8cff3cd55b040010928b5b")
        bearer = partner.token()
        token = bearer.removeprefix("Bearer ")
        id = token.partition(".")[0]
        for text in (bearer, token, f"Authorization: {bearer}"):
            accepted, finding = store.doctor(text)
            assert accepted is True
            assert finding["message"].startswith(f"access token {id} is accepted, with scope integration, app ")
        assert store.cause(f"{id}.{new_secret()}") == "wrong_access_token"
        assert store.cause(token[:-1]) == "wrong_access_token"
        assert Wire(url).delete("/oauth/authorization", bearer).status == 200
        accepted, finding = store.doctor(token)
    assert (accepted, finding["cause"]) == (False, "access_revoked")
    assert finding["message"].startswith(f"access token {id} was revoked at ")


def test_a_request_may_need_another_scope_or_owner(store: Store) -> None:
    def diagnosis(key: Key, request: str) -> tuple[bool | None, str]:
        accepted, finding = store.doctor(key.basic(), "--for", request)
        return accepted, finding["message"]

    assert diagnosis(store.key, f"GET {KEYS}") == (
        False, "the key does not allow this: scope integration where account or app is needed",
    )  # fmt: skip
    assert diagnosis(store.app_key, f"POST {KEYS}")[0] is True
    assert diagnosis(store.app_key, "POST /v2/apps") == (
        False,
        "the key does not allow this: scope app where account is needed",
    )
    assert diagnosis(store.app_key, "GET /v2/apps/x") == (
        False,
        "the key does not allow this: the key is for another app",
    )
    assert diagnosis(store.key, KEYS.replace("keys", "webhooks").replace("/v2", "get /v2", 1).replace("029c", "129c"))[
        1
    ] == ("the key does not allow this: the key is for another integration")
    assert diagnosis(store.key, "GET /nonsense") == (False, "the service answers: Resource not found")
    assert run("doctor", "--data", str(store.data), "--for", "nonsense").returncode == 2


def test_a_key_that_has_ended_is_explained(store: Store) -> None:
    with server.running(Settings(store.data)) as url:
        body = {"displayName": "x", "expiresAt": moment_text(time.time() + 1)}
        key = Key.of(Wire(url).post(KEYS, store.app_key, body).json["key"])
    assert store.doctor(key.basic(), "--at", "1m")[0] is True
    time.sleep(1)
    for text in (key.basic(), key.bearer()):
        accepted, finding = store.doctor(text)
        assert (accepted, finding["cause"]) == (False, "key_ended")
        assert finding["message"].startswith(f"key {key.id} ")
        assert "Create another key" in finding["advice"]


def test_a_key_that_was_rotated_is_explained_by_its_successor(store: Store) -> None:
    with server.running(Settings(store.data)) as url:
        path = f"{KEYS}/{store.key.id}/rotation".replace("/v2/", "/sunshine/v1/")
        rotated = Wire(url).send("PUT", path, store.app_key, body={"graceSeconds": 0}).json
    finding = store.doctor(store.key.basic())[1]
    assert finding["cause"] == "key_ended"
    assert finding["advice"] == f"Use its successor, key {rotated['key']['id']}."


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Digest x", "unknown_scheme"),
        ("Basic", "malformed_basic"),
        ("Basic nonsense", "malformed_basic"),
        ("Basic Og==", "empty"),
        ("Bearer", "missing"),
        ("Bearer x", "malformed_token"),
        ("Bearer a.b.c", "malformed_token"),
        ("act_1:secret", "malformed_key_id"),
        (f" {UNKNOWN}:secret", "unknown_key"),
        (basic(f"{UNKNOWN} :secret"), "malformed_key_id"),
        (basic(f"secret:{UNKNOWN}"), "swapped"),
        pytest.param(new_secret(), "secret_alone", id="a secret"),
        pytest.param(tokens.mint(UNKNOWN, "x", Scope.APP), "unknown_key", id="a token of an unknown key"),
        pytest.param(tokens.mint("x", "x", Scope.APP), "malformed_key_id", id="a token with a malformed kid"),
        (jwt.encode({}, None, "none", headers={"kid": UNKNOWN}), "wrong_algorithm"),
        (jwt.encode({}, "x" * 64, "HS512", headers={"kid": UNKNOWN}), "wrong_algorithm"),
        (jwt.encode({}, "x" * 64, "HS256"), "missing_key_id"),
    ],
)
def test_credentials_of_no_key_are_diagnosed(store: Store, text: str, cause: str) -> None:
    assert store.cause(text) == cause


def test_wrong_secrets_are_diagnosed(store: Store) -> None:
    key, secret = store.key, store.key.secret
    assert store.cause(basic(f"{key.id}:{secret}\n")) == "untrimmed_secret"
    assert store.cause(f'{key.id}:"{secret}"') == "untrimmed_secret"
    assert store.cause(f"{key.id}:{store.app_key.secret}") == "secret_of_another_key"
    assert store.cause(f"{key.id}:{secret[:80]}") == "wrong_secret"
    assert store.cause(f"{key.id}:{new_secret()}") == "wrong_secret"
    mistyped = ("B" if secret[3] == "A" else "A").join((secret[:3], secret[4:]))
    assert store.cause(f"{key.id}:{mistyped}") == "mistyped_secret"


def test_wrong_signatures_are_diagnosed(store: Store) -> None:
    key = store.key
    decoded = base64.urlsafe_b64decode(key.secret + "==")
    for secret in (f"{key.secret}\n", decoded):
        assert store.cause(signed(key, secret)) == "misread_secret"
    accepted, finding = store.doctor(signed(key, store.app_key.secret))
    assert (accepted, finding["cause"]) == (False, "signed_with_another_key")
    assert store.app_key.id in finding["message"]
    assert store.cause(signed(key, new_secret())) == "wrong_signature"


def test_wrong_claims_are_diagnosed(store: Store) -> None:
    key = store.key
    now = int(time.time())
    wrong = store.doctor(signed(key, scope="app"))[1]
    assert (wrong["cause"], "JWT scope should be integration" in wrong["message"]) == ("wrong_scope", True)
    assert store.cause(signed(key, scope=None)) == "wrong_scope"

    behind = store.doctor(signed(key, iat=now - 540, exp=now - 240))[1]
    assert behind["cause"] == "expired"
    assert re.search(r"expired at \S+Z \(exp\), 4 minutes before .* for 5 minutes$", behind["message"])
    assert "the clock of the machine that signs is 9 minutes behind" in behind["advice"]
    ahead = store.doctor(signed(key, nbf=now + 240))[1]
    assert ahead["cause"] == "not_yet_valid"
    assert re.search("is [34] minutes ahead", ahead["advice"])
    assert "not milliseconds" in store.doctor(signed(key, nbf=now * 1000))[1]["advice"]
    assert store.cause(signed(key, exp="soon", iat=now)) == "invalid_exp"


def test_at_sets_the_time_of_use(store: Store) -> None:
    token = signed(store.key, exp=int(time.time()) - 600)
    assert store.cause(token) == "expired"
    assert store.doctor(token, "--at", "20m")[0] is True
    assert run("doctor", "--data", str(store.data), "--at", "x", stdin=token).returncode == 1


@pytest.fixture
def wire(store: Store) -> Iterator[Wire]:
    with server.running(Settings(store.data)) as url:
        yield Wire(url)


def test_a_deleted_key_is_shown_with_actor_and_time(store: Store, wire: Wire) -> None:
    key = Key.of(wire.post(KEYS, store.app_key, {"displayName": "x"}).json["key"])
    deleted = wire.delete(f"{KEYS}/{key.id}", store.app_key)
    refused = wire.get(KEYS.replace("keys", "webhooks"), key)
    assert refused.status == 401
    for credentials in (key.basic(), key.bearer()):
        _, finding = store.doctor(credentials)
        assert finding["cause"] == "key_deleted"
        assert re.search(r"was deleted at 20\S+Z by " + store.app_key.id, finding["message"])
        assert deleted.headers["x-request-id"] in finding["message"]


def test_the_deletion_of_an_integration_or_app_is_shown(store: Store, wire: Wire) -> None:
    app, _, integration = KEYS.removesuffix("/keys").partition("/integrations/")
    wire.delete(f"{app}/integrations/{integration}", store.app_key)
    assert store.cause(store.key.basic()) == "unknown_key"  # the samples' keys have no entries of their own
    other = wire.post(f"{app}/integrations", store.app_key, {
        "type": "custom", "webhooks": [{"target": "https://example.com", "triggers": ["conversation:message"]}]}).json["integration"]["id"]  # fmt: skip
    key = Key.of(wire.post(f"{app}/integrations/{other}/keys", store.app_key, {"displayName": "x"}).json["key"])
    own = Key.of(wire.post(f"{app}/keys", store.account, {"displayName": "x"}).json["key"])
    wire.delete(f"{app}/integrations/{other}", store.app_key)
    assert store.cause(key.basic()) == "integration_deleted"
    wire.delete(app, store.account)
    assert store.cause(own.basic()) == "app_deleted"


def test_a_refused_request_is_diagnosed_by_its_id(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def finding(request_id: str) -> dict[str, str]:
        return store.doctor("", request_id)[1]

    expired = signed(store.account, exp=int(time.time()) - 240)
    with Server(store.data) as serving:
        wire = serving.wire
        issued = [Key.of(wire.post(KEYS, store.app_key, {"displayName": "x"}).json["key"]) for _ in range(2)]
        done = wire.delete(f"{KEYS}/{issued[0].id}", store.app_key).headers["x-request-id"]
        gone = wire.get("/v2/tokenInfo", issued[0]).headers["x-request-id"]
        scope = wire.get(KEYS, store.key).headers["x-request-id"]
        secret = wire.get(KEYS, Key(store.app_key.id, "wrong")).headers["x-request-id"]
        late = wire.get(KEYS, f"Bearer {expired}").headers["x-request-id"]
        before = wire.get(KEYS, f"Bearer {signed(issued[1], new_secret())}").headers["x-request-id"]
        time.sleep(0.002)  # Times have milliseconds: a deletion in the same one would explain the refusal.
        wire.delete(f"{KEYS}/{issued[1].id}", store.app_key)
        read = wire.get(KEYS, store.app_key).headers["x-request-id"]
    assert finding(gone)["cause"] == "key_deleted"
    assert finding(scope)["cause"] == "forbidden"
    assert finding(scope)["message"].endswith("scope integration where account or app is needed")
    assert finding(secret)["cause"] == "unauthorized"
    assert "Key id or secret is wrong" in finding(secret)["message"]
    assert re.search("JWT expired 24[0-9] seconds before", finding(late)["message"])
    assert "JWT was not signed by the key" in finding(before)["message"]
    assert store.doctor("", done)[0] is True
    assert store.doctor("", read) == (None, store.doctor("", "f" * 24)[1] | {
        "message": f"the audit trail has no entry of request {read}"})  # fmt: skip


def test_every_refused_request_is_explained_by_its_id(store: Store, wire: Wire) -> None:
    """The trail has an entry for the first refusal of a key and an address in a minute only."""
    headers = [
        basic(f"{store.app_key.id}:wrong"),
        basic(f"{store.app_key.id}:wrong again"),
        f"Bearer {signed(store.app_key, exp=1)}",
        "Bearer x.y",
        None,
    ]
    refused = [wire.get(KEYS, header).headers["x-request-id"] for header in headers]
    deadline = time.monotonic() + 60
    while store.doctor("", refused[-1])[0] is None:
        assert time.monotonic() < deadline
    said = []
    for request_id in refused:
        accepted, finding = store.doctor("", request_id)
        assert (accepted, finding["cause"]) == (False, "unauthorized")
        said.append(finding["message"])
    assert all(f"key {store.app_key.id}" in message for message in said[:3])
    assert "JWT expired" in said[2]
    assert "JWT is malformed" in said[3]
    assert "Authorization is required" in said[4]


def test_a_secret_instead_of_a_request_id_is_not_repeated(store: Store) -> None:
    result = run("doctor", "--data", str(store.data), store.key.secret)
    assert (result.returncode, result.stdout) == (2, "")
    assert store.key.secret not in result.stderr
    assert run("doctor", "--data", str(store.data)).returncode == 2


def test_without_json_the_output_is_sentences(store: Store) -> None:
    result = run("doctor", "--data", str(store.data), "--for", f"GET {KEYS}", stdin=store.key.basic())
    assert result.stdout.splitlines()[0].startswith(f"Accepted: key {store.key.id} is accepted, with scope integration")
    assert result.stdout.splitlines()[1].startswith("Refused: the key does not allow this: scope integration")


def test_no_store_is_created(tmp_path: Path) -> None:
    for arguments, stdin in ((["f" * 24], ""), ([], "act_1:x")):
        result = run("doctor", *arguments, "--data", str(tmp_path / "none"), stdin=stdin)
        assert result.returncode == 1
        assert "there is no store" in result.stderr
    assert not (tmp_path / "none").exists()


def test_requests_over_a_rate_limit_are_explained_by_their_ids(store: Store) -> None:
    limits = RateLimits(source=Rate(1, "hour", 4), key=Rate(1, "hour", 2))
    with server.running(Settings(store.data, rate_limits=limits)) as url:
        wire = Wire(url)
        answers = [wire.get(KEYS, store.app_key) for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429, 429]
    for answer, limit in ((answers[2], f"key {store.app_key.id}"), (answers[4], "a request was refused")):
        accepted, finding = store.doctor("", answer.headers["x-request-id"])
        assert (accepted, finding["cause"]) == (False, "too_many_requests")
        assert limit in finding["message"]
        assert answer.errors[0][1] in finding["message"]
        assert "Retry-After" in finding["advice"]
