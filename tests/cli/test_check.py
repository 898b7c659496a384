"""`check` on both stores, on a running service, and without either."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.commands import run
from support.oauth import partner_of
from support.servers import Server
from support.waiting import wait_until
from support.wire import Key, Place, Service, Tenant, Wire, first_run, make_tenant

from sunshine_keys.keys.model import moment_text
from sunshine_keys.keys.secrets import new_secret


def check(text: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    result = run("check", *options, stdin=text, **environment)
    secrets = {word.strip("\"'") for word in text.replace(":", " ").split() if len(word) > 40}
    assert not any(secret in result.stdout + result.stderr for secret in secrets)
    return result


def lines(result: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def mistyped(secret: str) -> str:
    return secret[:10] + ("B" if secret[10] == "A" else "A") + secret[11:]


def test_every_form_of_a_live_key_is_recognised(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        partner = partner_of(server.wire, tenant)
        token = partner.token()
        assert server.wire.get("/auth", tenant.key).status == 200
    key, (token_id, _, token_secret) = tenant.key, token.split()[1].partition(".")
    forms = {
        key.secret: "secret",
        f'"{key.secret}"': "secret",
        f"{key.id}:{key.secret}": "basic",
        key.basic(): "basic",
        f"Authorization: {key.bearer()}": "token",
        token: "access_token",
        f"{token_id}.{token_secret}": "access_token",
        token_secret: "secret",
    }
    result = check("\n\n".join(forms), "--json", *place.options)
    assert (result.returncode, result.stderr) == (0, "")
    shown = lines(result)
    assert [line["form"] for line in shown] == list(forms.values())
    assert [line["line"] for line in shown] == list(range(1, 16, 2))
    assert all(line["live"] and line["wellFormed"] for line in shown)
    assert [line["key"]["id"] for line in shown] == [key.id] * 5 + [token_id] * 3
    described = shown[0]["key"]
    assert described.pop("lastUsed").startswith("20")
    assert described == {
        "id": key.id,
        "displayName": "A key",
        "scope": "integration",
        "appId": tenant.app_id,
        "integrationId": tenant.integration_id,
        "lastSource": "127.0.0.1",
    }
    text = check(tenant.app_key.secret, *place.options)
    assert text.stdout == (
        f'LIVE, well-formed, {tenant.app_key.id} "An app key" of app {tenant.app_id}, scope app, last use '
        f"{text.stdout.partition('last use ')[2]}"
    )
    assert check(partner.secret, *place.options).stdout == (
        f'LIVE, well-formed, OAuth client {partner.id} "A partner"\n'
    )


def test_deleted_key_is_known_and_not_live(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        assert server.wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).status == 200
    for credentials in (tenant.key.basic(), tenant.key.bearer()):
        result = check(credentials, *place.options)
        assert result.returncode == 1
        assert result.stdout.startswith(f"NOT LIVE, well-formed: key {tenant.key.id} was deleted at 20")
    result = check(tenant.key.secret, *place.options)
    assert (result.returncode, result.stdout) == (
        3,
        "UNKNOWN, well-formed: it is the secret of no key in this store\n",
    )


def test_key_that_has_ended_is_known_and_not_live(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with Server(place) as server:
        tenant = make_tenant(server.wire, account)
        ends = []
        for seconds in (3600, 3):
            end = moment_text(time.time() + seconds)
            body = {"displayName": "Ends", "expiresAt": end}
            ends.append((Key.of(server.wire.post(tenant.keys, tenant.app_key, body).json["key"]), end))
        (later, later_end), (ended, end) = ends
        wait_until(lambda: server.wire.get("/auth", ended).status == 401, 60)
    (line,) = lines(check(later.secret, "--json", *place.options))
    assert (line["live"], line["key"]["expiresAt"]) == (True, later_end)
    assert f", ends {later_end}, last use" in check(later.secret, *place.options).stdout
    for credentials in (ended.secret, ended.basic(), ended.bearer()):
        result = check(credentials, "--json", *place.options)
        (line,) = lines(result)
        assert result.returncode == 1
        assert (line["live"], line["key"]["id"], line["reason"]) == (False, ended.id, f"it ended {end}")


def test_credentials_that_do_not_fit_together_are_not_live(data: Path, sample: dict[str, Any]) -> None:
    key, other = Key.of(sample["key"]), Key.of(sample["app_key"])
    result = check(
        "\n".join([f"{key.id}:{other.secret}", Key(key.id, other.secret).bearer(), f"{key.id}:{new_secret()}"]),
        "--json", "--data", str(data),
    )  # fmt: skip
    swapped, signed, unknown = lines(result)
    assert result.returncode == 3, "the highest code of all lines"
    assert (swapped["live"], swapped["key"]["id"]) == (False, other.id)
    assert swapped["reason"] == f"the secret is that of {other.id}, not of {key.id}"
    assert (signed["live"], signed["key"]["id"]) == (False, key.id)
    assert "was not signed by the key" in signed["reason"]
    assert unknown["live"] is None
    assert check(f"{key.id}:{other.secret}", "--data", str(data)).returncode == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (mistyped(new_secret()), "its checksum is wrong"),
        (new_secret()[:-1], "this has 85 characters"),
        (f"int_5d8cff3cd55b040010928b5b:{mistyped(new_secret())}", "its checksum is wrong"),
        (f"INT_1:{new_secret()}", "a key's id is act_, app_ or int_"),
        (f"{new_secret()}:int_5d8cff3cd55b040010928b5b", "swapped"),
        ("Basic !", "base64"),
        ("Bearer a.b.c", "JWT"),
        ("oat_1.x", "Access token is wrong"),
    ],
    ids=["mistyped", "short", "mistyped-basic", "id", "swapped", "base64", "token", "access-token"],
)
def test_malformed_input_is_explained(data: Path, sample: dict[str, Any], text: str, problem: str) -> None:
    for options in ((), ("--data", str(data))):
        result = check(text, *options)
        assert result.returncode == 3
        assert problem in result.stdout


def test_without_a_store_only_the_form_is_checked(tmp_path: Path) -> None:
    result = check(f"{new_secret()}\nint_5d8cff3cd55b040010928b5b:{new_secret()}\n")
    assert (result.returncode, result.stdout) == (0, "1: well-formed\n2: well-formed\n")
    assert lines(check(new_secret(), "--json")) == [{"line": 1, "form": "secret", "wellFormed": True}]
    missing = check(new_secret(), "--data", str(tmp_path / "none"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "there is no store" in missing.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [((new_secret(),), "looks like a secret"), (("-",), "no arguments")],
    ids=["secret", "other"],
)
def test_argument_is_refused_and_not_repeated(arguments: tuple[str], reason: str) -> None:
    result = run("check", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr and "standard input" in result.stderr
    assert len(arguments[0]) == 1 or arguments[0] not in result.stderr


def test_empty_and_endless_input_are_errors() -> None:
    assert "standard input is empty" in check("\n \n").stderr
    result = check("x" * 1_000_001)
    assert (result.returncode, result.stdout) == (2, "")
    assert "longer than 1 MB" in result.stderr


class TestOnAService:
    def test_service_names_the_key(self, service: Service, wire: Wire, tenant: Tenant) -> None:
        result = check(tenant.key.basic(), "--url", service.url)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == (
            f"LIVE, well-formed, {tenant.key.id} of integration {tenant.integration_id} of app {tenant.app_id}, "
            "scope integration\n"
        )
        (line,) = lines(check(tenant.app_key.bearer(), "--json", "--url", f"{service.url}/sc"))
        assert (line["live"], line["key"]) == (
            True,
            {"id": tenant.app_key.id, "scope": "app", "appId": tenant.app_id},
        )
        assert wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).status == 200
        result = check(tenant.key.basic(), "--url", service.url)
        assert (result.returncode, result.stdout) == (3, "UNKNOWN, well-formed: the service does not accept it\n")

    def test_profile_names_the_service_and_not_the_key(self, service: Service, tenant: Tenant, tmp_path: Path) -> None:
        environment = {"XDG_CONFIG_HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        login = run("login", "--host", service.url, "--profile", "work", tenant.app_key.id,
            stdin=tenant.app_key.secret, **environment)  # fmt: skip
        assert login.returncode == 0, login.stderr
        result = check(tenant.key.basic(), "--profile", "work", **environment)
        assert result.returncode == 0
        assert tenant.key.id in result.stdout

    def test_secret_without_an_id_needs_a_store(self, service: Service, tenant: Tenant) -> None:
        result = check(tenant.key.secret, "--url", service.url)
        assert result.returncode == 3
        assert "only a store can find the owner" in result.stdout

    def test_service_that_does_not_answer_is_an_error(self, tenant: Tenant, unused_port: int) -> None:
        result = check(tenant.key.basic(), "--url", f"http://127.0.0.1:{unused_port}")
        assert (result.returncode, result.stdout) == (5, "")
        assert "did not answer" in result.stderr

    def test_lines_before_a_limit_is_reached_are_shown(self, data: Path, sample: dict[str, Any]) -> None:
        key = Key.of(sample["key"])
        wrong = "\n".join(f"{key.id}:{new_secret()}" for _ in range(5))
        with Server(data, "--rate-limit-failures", "3/minute") as server:
            result = check(f"{key.basic()}\n{wrong}", "--url", server.wire.url)
        assert result.returncode == 6
        assert [line[:3] for line in result.stdout.splitlines()] == ["1: ", "2: ", "3: ", "4: "]
        assert "answered 429" in result.stderr

    def test_other_urls_are_errors(self, service: Service, tenant: Tenant, tmp_path: Path) -> None:
        result = check(tenant.key.basic(), "--url", f"{service.url}/nowhere")
        assert (result.returncode, result.stdout) == (1, "")
        assert "Check that this is the URL" in result.stderr
        assert "nothing was sent" in check(tenant.key.basic(), "--url", "http://192.0.2.1").stderr
        for url in ("keys.example.com", "https://[", "ftp://keys.example.com"):
            assert "--url is not the URL" in check(tenant.key.basic(), "--url", url).stderr

    @pytest.mark.parametrize("others", [("--data", "x"), ("--profile", "x")])
    def test_two_places_are_an_error(self, others: tuple[str, str]) -> None:
        result = check(new_secret(), "--url", "http://127.0.0.1:1", *others)
        assert (result.returncode, result.stdout) == (2, "")
