"""Accepted credentials, and every reason for a refusal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from support.wire import Key, Service, Tenant, Wire

REQUIRED = "Authorization is required"
WRONG_KEY = "Key id or secret is wrong, or the key has been deleted"
WRONG_SIGNATURE = "JWT was not signed by the key its kid names, or that key has been deleted"
MALFORMED = "JWT is malformed; it should be header.payload.signature, each base64url"
NOT_BASIC = "Basic credentials should be base64 of key id, colon, secret"


def encode(part: bytes | dict[str, Any]) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(secret: str, header: Any, claims: Any) -> str:
    signed = f"{encode(header)}.{encode(claims)}"
    return f"{signed}.{encode(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def refused(wire: Wire, tenant: Tenant, authorization: str | None) -> str:
    """Check the envelope and the headers of a 401, and return its title."""
    answer = wire.get(tenant.keys, authorization)
    assert answer.status == 401
    ((code, title),) = answer.errors
    assert code == "unauthorized"
    assert answer.headers["www-authenticate"].startswith("Basic ")
    return title


@pytest.mark.parametrize(
    ("authorization", "title"),
    [
        (None, REQUIRED),
        ("", REQUIRED),
        ("Basic Og==", REQUIRED),
        ("Bearer", REQUIRED),
        ("Bearer  ", REQUIRED),
        ("Basic", NOT_BASIC),
        ("Basic !!!", NOT_BASIC),
        ("Basic " + base64.b64encode(b"no colon").decode(), NOT_BASIC),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), NOT_BASIC),
        ("Digest username=x", "Authorization should be Basic or Bearer"),
        ("int_x:secret", "Authorization should be Basic or Bearer"),
        ("Bearer x", MALFORMED),
        ("Bearer a.b.c.d", MALFORMED),
        ("Bearer é.b.c", MALFORMED),
        ("Bearer e30=.e30.AAAA", MALFORMED),
        ("Bearer e.e30.AAAA", MALFORMED),
        ("Bearer " + "x" * 8193, "JWT should be at most 8192 characters long"),
        ("Bearer ..", "JWT header should be a JSON object"),
        (f"Bearer {encode(b'[]')}.e30.AAAA", "JWT header should be a JSON object"),
        (f"Bearer {encode(b'[' * 3000)}.e30.AAAA", "JWT header should be a JSON object"),
    ],
)
def test_malformed_credentials_are_refused(wire: Wire, tenant: Tenant, authorization: str | None, title: str) -> None:
    if authorization is not None:
        authorization = authorization.encode().decode("latin-1")
    assert refused(wire, tenant, authorization) == title


@pytest.mark.parametrize("key_id", ["act_\0", "act_0123456789abcdef0123456\0", "int_é", "x" * 3000])
def test_an_invalid_key_id_is_an_unknown_key(wire: Wire, tenant: Tenant, key_id: str) -> None:
    assert refused(wire, tenant, Key(key_id, "x").basic()) == WRONG_KEY
    signed = token("x", {"alg": "HS256", "kid": key_id}, {"scope": "app"})
    assert refused(wire, tenant, f"Bearer {signed}") == WRONG_SIGNATURE


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic  "])
def test_the_scheme_is_read_in_any_case(wire: Wire, tenant: Tenant, scheme: str) -> None:
    credentials = tenant.app_key.basic().partition(" ")[2]
    assert wire.get(tenant.keys, f"{scheme} {credentials}").status == 200


class TestBasic:
    def test_an_unknown_key_and_a_wrong_secret_look_the_same(self, wire: Wire, tenant: Tenant) -> None:
        for key in (
            Key("app_" + "0" * 24, tenant.app_key.secret),
            Key(tenant.app_key.id, tenant.key.secret),
            Key(tenant.app_key.id, ""),
            Key(tenant.app_key.id, tenant.app_key.secret + "x"),
            Key(tenant.app_key.id, tenant.app_key.secret[:-1]),
            Key(tenant.app_key.id.upper(), tenant.app_key.secret),
            Key("", tenant.app_key.secret),
            Key(tenant.app_key.id, "ü"),
        ):
            assert refused(wire, tenant, key.basic()) == WRONG_KEY


class TestTokens:
    @pytest.fixture
    def key(self, tenant: Tenant) -> Key:
        return tenant.app_key

    def make(self, key: Key, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        text = token(key.secret, {"alg": "HS256", "typ": "JWT", "kid": key.id} | (header or {}), claims)
        return f"Bearer {text}"

    def test_a_token_without_exp_is_accepted(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        assert wire.get(tenant.keys, self.make(key, scope="app")).status == 200

    @pytest.mark.parametrize("claims", [{}, {"exp": 60}, {"nbf": -60}, {"exp": 0.9, "nbf": -0.5}, {"iat": 9999}])
    def test_dates_around_now_are_accepted(
        self, wire: Wire, tenant: Tenant, key: Key, claims: dict[str, float]
    ) -> None:
        now = time.time()
        dated = {name: now + offset for name, offset in claims.items()}
        assert wire.get(tenant.keys, self.make(key, scope="app", **dated)).status == 200

    @pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "HS384", "RS256", "ES256", "", None, 5, ["HS256"]])
    def test_any_other_algorithm(self, wire: Wire, tenant: Tenant, key: Key, algorithm: Any) -> None:
        forged = self.make(key, header={"alg": algorithm}, scope="app")
        assert refused(wire, tenant, forged) == "JWT alg should be HS256"

    def test_an_unsigned_token(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        unsigned = self.make(key, header={"alg": "none"}, scope="app").rpartition(".")[0] + "."
        assert refused(wire, tenant, unsigned) == "JWT alg should be HS256"
        assert refused(wire, tenant, self.make(key, scope="app").rpartition(".")[0] + ".") == WRONG_SIGNATURE

    @pytest.mark.parametrize("kid", [None, "", 5, ["x"], {}])
    def test_an_invalid_kid(self, wire: Wire, tenant: Tenant, key: Key, kid: Any) -> None:
        title = refused(wire, tenant, self.make(key, header={"kid": kid}, scope="app"))
        assert title == "JWT header should have a kid, the id of the key that signed it"

    def test_a_missing_kid(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        forged = token(key.secret, {"alg": "HS256"}, {"scope": "app"})
        assert refused(wire, tenant, f"Bearer {forged}").startswith("JWT header should have a kid")

    def test_an_unknown_kid_and_anothers_secret_look_the_same(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        for kid, secret in (
            ("app_" + "0" * 24, key.secret),
            (key.id, tenant.key.secret),
            (key.id, ""),
            (tenant.account.id, key.secret),
        ):
            forged = self.make(Key(kid, secret), scope="app")
            assert refused(wire, tenant, forged) == WRONG_SIGNATURE

    def test_claims_are_not_looked_at_before_the_signature(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        forged = Key(key.id, "guess")
        for claims in ({}, {"scope": "account"}, {"scope": "app", "exp": 1}, {"scope": "app", "nbf": 2**40}):
            assert refused(wire, tenant, self.make(forged, **claims)) == WRONG_SIGNATURE

    def test_a_token_has_one_spelling(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        canonical = self.make(key, scope="app")
        last = canonical[-1]
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/":
            if other != last:
                assert wire.get(tenant.keys, canonical[:-1] + other).status == 401

    def test_a_changed_payload(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        header, _, signature = self.make(key, scope="app").split(".")
        assert refused(wire, tenant, f"{header}.{encode({'scope': 'account'})}.{signature}") == WRONG_SIGNATURE

    def test_a_missing_scope(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        assert refused(wire, tenant, self.make(key)) == "JWT payload should have a scope"

    @pytest.mark.parametrize("scope", ["account", "integration", "user", "APP", "", None, 1, ["app"], {"app": 1}])
    def test_another_scope_than_the_keys(self, wire: Wire, tenant: Tenant, key: Key, scope: Any) -> None:
        title = refused(wire, tenant, self.make(key, scope=scope))
        assert title == "JWT scope should be app, the scope of the key that signed it"

    def test_an_expired_one(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        for ended in (time.time() - 1, 0, -5):
            assert refused(wire, tenant, self.make(key, scope="app", exp=ended)) == "JWT has expired (exp)"

    def test_one_that_is_not_valid_yet(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        early = self.make(key, scope="app", nbf=time.time() + 60)
        assert refused(wire, tenant, early) == "JWT is not valid yet (nbf)"

    @pytest.mark.parametrize("name", ["exp", "nbf"])
    @pytest.mark.parametrize("date", ["1", None, True, [], {}, 10**400, -(10**400), 1e300])
    def test_an_invalid_date(self, wire: Wire, tenant: Tenant, key: Key, name: str, date: Any) -> None:
        title = refused(wire, tenant, self.make(key, scope="app", **{name: date}))
        assert title == f"JWT {name} should be a number of seconds since 1970"

    @pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"[" * 3000])
    def test_a_payload_that_is_no_object(self, wire: Wire, tenant: Tenant, key: Key, payload: bytes) -> None:
        odd = token(key.secret, {"alg": "HS256", "kid": key.id}, payload)
        assert refused(wire, tenant, f"Bearer {odd}") == "JWT payload should be a JSON object"

    def test_an_extension_that_must_be_understood(self, wire: Wire, tenant: Tenant, key: Key) -> None:
        critical = self.make(key, header={"crit": ["exp"]}, scope="app")
        assert refused(wire, tenant, critical) == "JWT header should not have crit: no extension is understood"

    @pytest.mark.parametrize("library", ["jwt", "joserfc"])
    def test_tokens_of_the_usual_libraries(self, wire: Wire, tenant: Tenant, key: Key, library: str) -> None:
        header, claims = {"alg": "HS256", "typ": "JWT", "kid": key.id}, {"scope": "app", "exp": int(time.time()) + 60}
        if library == "jwt":
            import jwt

            encoded = jwt.encode(claims, key.secret, "HS256", header)
        else:
            from joserfc import jwt as joserfc_jwt
            from joserfc.jwk import OctKey

            encoded = joserfc_jwt.encode(header, claims, OctKey.import_key(key.secret))
        assert wire.get(tenant.keys, f"Bearer {encoded}").status == 200


class TestScopes:
    """Every operation with every kind of key, on its own objects, on those of others, and on missing objects."""

    ACCOUNT_ONLY = ("GET /v2/apps", "POST /v2/apps", "DELETE {app}", "GET {app}/keys", "POST {app}/keys",
                    "GET {app}/keys/{app_key}", "DELETE {app}/keys/{app_key}")  # fmt: skip
    APP_TOO = ("GET {app}", "PATCH {app}", "GET {app}/integrations", "POST {app}/integrations", "GET {integration}",
               "PATCH {integration}", "DELETE {integration}", "GET {integration}/keys", "POST {integration}/keys",
               "GET {integration}/keys/{key}", "DELETE {integration}/keys/{key}")  # fmt: skip
    INTEGRATION_TOO = ("GET {integration}/webhooks", "POST {integration}/webhooks", "GET {integration}/webhooks/x",
                       "PATCH {integration}/webhooks/x", "DELETE {integration}/webhooks/x")  # fmt: skip

    def send(self, wire: Wire, operation: str, owner: dict[str, str], auth: str) -> int:
        method, _, path = operation.format(**owner).partition(" ")
        answer = wire.send(method, path, auth, body={"nonsense": True} if method in ("POST", "PATCH") else None)
        if answer.status == 403:
            assert answer.errors == [("forbidden", "Forbidden")]
        return answer.status

    def owner(self, tenant: Tenant) -> dict[str, str]:
        return {"app": tenant.app, "integration": tenant.integration, "app_key": "x", "key": "x"}

    @pytest.mark.parametrize("operation", ACCOUNT_ONLY + APP_TOO)
    def test_too_small_a_scope_is_forbidden(self, wire: Wire, tenant: Tenant, operation: str) -> None:
        keys = [tenant.key] if operation in self.APP_TOO else [tenant.key, tenant.app_key]
        for key in keys:
            for auth in (key.basic(), key.bearer()):
                assert self.send(wire, operation, self.owner(tenant), auth) == 403

    @pytest.mark.parametrize("operation", APP_TOO + INTEGRATION_TOO)
    def test_anothers_app_is_forbidden_whether_it_exists_or_not(
        self, wire: Wire, tenant: Tenant, other: Tenant, operation: str
    ) -> None:
        nobodys_app = "/v2/apps/6b0000000000000000000000"
        nobodys = {"app": nobodys_app, "integration": f"{nobodys_app}/integrations/{tenant.integration_id}"}
        for key in (tenant.app_key, tenant.key):
            for owner in (self.owner(other), nobodys | {"app_key": "x", "key": "x"}):
                assert self.send(wire, operation, owner, key.bearer()) == 403

    @pytest.mark.parametrize("operation", INTEGRATION_TOO)
    def test_anothers_integration_is_forbidden_whether_it_exists_or_not(
        self, wire: Wire, tenant: Tenant, operation: str
    ) -> None:
        for integration_id in (tenant.web_id, "6b0000000000000000000000"):
            owner = self.owner(tenant) | {"integration": f"{tenant.app}/integrations/{integration_id}"}
            assert self.send(wire, operation, owner, tenant.key.basic()) == 403
            assert self.send(wire, operation, owner, tenant.app_key.basic()) in (400, 404)

    @pytest.mark.parametrize("operation", APP_TOO + INTEGRATION_TOO)
    def test_a_great_enough_scope_is_let_in(self, wire: Wire, tenant: Tenant, operation: str) -> None:
        keys = [tenant.account, tenant.app_key] + ([tenant.key] if operation in self.INTEGRATION_TOO else [])
        if operation == "DELETE {integration}":
            keys = keys[:1]
        for key in keys:
            assert self.send(wire, operation, self.owner(tenant), key.basic()) not in (401, 403)

    @pytest.mark.parametrize("operation", ACCOUNT_ONLY)
    def test_an_account_key_may_do_everything(self, wire: Wire, tenant: Tenant, operation: str) -> None:
        for auth in (tenant.account.basic(), tenant.account.bearer()):
            assert self.send(wire, operation, self.owner(tenant), auth) not in (401, 403)


def test_a_refusal_comes_before_any_look_at_the_body(wire: Wire, tenant: Tenant) -> None:
    for content in (b"{", b"x" * 200_000):
        assert wire.post(tenant.keys, None, content=content).status == 401
        assert wire.post(tenant.keys, tenant.key, content=content).status == 403


def test_a_secret_sent_never_comes_back(wire: Wire, service: Service, tenant: Tenant) -> None:
    answer = wire.get(tenant.keys, Key(tenant.app_key.id, "s3cr3t-guess").basic())
    assert b"s3cr3t" not in answer.content + str(answer.headers).encode()
