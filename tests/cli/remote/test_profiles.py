"""`login`, `logout`, `profiles`, `whoami` and `open`: the service and the key that commands use."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import jwt
from support.remote import Commands

from sunshine_keys.testing import Key

KEYRING = """
from keyring.backend import KeyringBackend
from pathlib import Path
import json, os

class Keyring(KeyringBackend):
    priority = 5
    _file = Path(os.environ["KEYRING_FILE"])

    def _all(self):
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    def get_password(self, service, name):
        return self._all().get(f"{service} {name}")

    def set_password(self, service, name, password):
        self._file.write_text(json.dumps(self._all() | {f"{service} {name}": password}))

    def delete_password(self, service, name):
        self._file.write_text(json.dumps({key: value for key, value in self._all().items() if key != f"{service} {name}"}))
"""


def log_in(
    commands: Commands, key: Key, *options: str, secret: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    arguments = ("login", "--host", commands.server.url, key.id, *options)
    return commands.bare(*arguments, stdin=f"{secret or key.secret}\n", **environment)


def test_a_profile_is_replaced_only_after_a_confirmation(commands: Commands) -> None:
    app_key, account_key = commands.server.app_key, commands.server.account_key
    log_in(commands, app_key)
    assert log_in(commands, app_key).returncode == 0  # the same key and service
    refused = log_in(commands, account_key)
    assert refused.returncode == 2
    assert f"profile default holds {app_key.id} at {commands.server.url}" in refused.stderr
    assert commands.ok("whoami", "--quiet") == f"{app_key.id}\n"
    terminal = commands.on_terminal("login", "--host", commands.server.url, account_key.id)
    terminal.answer("Replace it?", "n")
    assert terminal.end() == 1
    assert commands.ok("whoami", "--quiet") == f"{app_key.id}\n"
    terminal = commands.on_terminal("login", "--host", commands.server.url, account_key.id)
    terminal.answer("Replace it?", "y")
    terminal.answer("Secret: ", account_key.secret)
    assert terminal.end() == 0
    assert commands.ok("whoami", "--quiet") == f"{account_key.id}\n"
    assert log_in(commands, app_key, "--yes").returncode == 0


def test_login_prompts_for_the_service_and_names_it_before_the_key(commands: Commands) -> None:
    key = commands.server.app_key
    missing = commands.bare("login", key.id, stdin=f"{key.secret}\n")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "the service is missing: add --host" in missing.stderr
    terminal = commands.on_terminal("login", "--profile", "work")
    terminal.answer("URL of the service", commands.server.url)
    terminal.answer("Key id: ", key.id)
    assert f"the key is sent to {commands.server.url}, and saved in profile work" in " ".join(terminal.said.split())
    terminal.answer("Secret: ", key.secret)
    assert terminal.end() == 0
    assert json.loads(commands.profiles.read_text())["profiles"]["work"]["host"] == commands.server.url


def test_the_hint_after_a_failed_login_names_the_next_command(commands: Commands) -> None:
    refused = log_in(commands, commands.server.app_key, secret="wrong")
    assert refused.returncode == 4
    assert "Check the key's id and its secret" in refused.stderr
    assert re.search(r"sunshine-keys doctor [0-9a-f]{24} --data FOLDER", refused.stderr)
    assert "sunshine-keys login" not in refused.stderr


def test_token_signs_with_the_key_of_a_profile(commands: Commands) -> None:
    app_key, key = commands.server.app_key, commands.server.key
    log_in(commands, key, "--profile", "worker")
    log_in(commands, app_key)
    for arguments, signer in (((), app_key), (("--profile", "worker"), key)):
        token = commands.ok("token", *arguments).strip()
        assert jwt.decode(token, signer.secret, ["HS256"])["scope"] == signer.scope
    both = commands.bare("token", app_key.id, "--profile", "worker")
    assert both.returncode == 2
    assert "name a KEY_ID or a profile" in both.stderr
    assert commands.bare("token", "--profile", "none").returncode == 2


def test_plain_http_to_another_machine_is_refused(commands: Commands) -> None:
    refused = commands.bare("login", "--host", "http://192.0.2.1", "act_x", stdin="secret\n")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "plain http to 192.0.2.1 would expose the credentials" in refused.stderr
    assert not commands.profiles.exists()


def test_no_file_means_no_profiles(commands: Commands) -> None:
    assert "there is no profile default; existing profiles: none" in commands.bare("logout").stderr


def test_login_saves_a_key_that_the_service_accepts(commands: Commands) -> None:
    key = commands.server.app_key
    refused = log_in(commands, key, secret="wrong")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "401 Key id or secret is wrong" in refused.stderr
    assert not commands.profiles.exists()

    assert f"Logged in to {commands.server.url} as {key.id}. Profile default" in log_in(commands, key).stdout
    assert stat.S_IMODE(commands.profiles.stat().st_mode) == 0o600
    assert stat.S_IMODE(commands.profiles.parent.stat().st_mode) == 0o700
    facts = commands.json("whoami")
    assert facts == {
        "host": commands.server.url, "from": "profile default", "keyId": key.id, "scope": "app",
        "appId": commands.server.app_id, "appName": "Sample app",
    }  # fmt: skip


def test_the_prompt_for_the_secret_has_no_echo(commands: Commands) -> None:
    key = commands.server.account_key
    terminal = commands.on_terminal("login", "--host", commands.server.url, "--profile", "root")
    terminal.answer("Key id: ", key.id)
    terminal.answer("Secret: ", key.secret)
    assert terminal.end() == 0
    assert "Profile root" in terminal.said
    assert key.secret not in terminal.said
    assert json.loads(commands.profiles.read_text())["profiles"]["root"]["secret"] == key.secret


def test_profiles_are_listed_selected_and_removed(commands: Commands) -> None:
    server = commands.server
    log_in(commands, server.account_key, "--profile", "root")
    log_in(commands, server.key, "--profile", "worker")
    rows = commands.json("profiles")
    assert [(row["profile"], row["current"], row["keyId"], row["secretIn"]) for row in rows] == [
        ("root", False, server.account_key.id, "file"),
        ("worker", True, server.key.id, "file"),
    ]
    assert server.key.secret not in commands.ok("profiles")
    assert commands.ok("whoami", "--quiet") == f"{server.key.id}\n"
    assert commands.ok("whoami", "--quiet", "--profile", "root") == f"{server.account_key.id}\n"
    assert commands.ok("whoami", "--quiet", SUNSHINE_KEYS_PROFILE="root") == f"{server.account_key.id}\n"
    commands.ok("profiles", "use", "root")
    assert commands.ok("whoami", "--quiet") == f"{server.account_key.id}\n"
    assert commands.ok("logout") == "Removed profile root.\n"
    assert commands.bare("whoami").returncode == 4
    missing = commands("whoami", "--profile", "root")
    assert missing.returncode == 2
    assert "there is no profile root; existing profiles: worker" in missing.stderr
    assert server.account_key.secret not in commands.profiles.read_text()


def test_the_option_precedes_the_environment_which_precedes_profiles(commands: Commands) -> None:
    server = commands.server
    log_in(commands, server.account_key)
    environment = commands.by(server.key)
    assert commands.ok("whoami", "--quiet", **environment) == f"{server.key.id}\n"
    assert commands.ok("whoami", "--quiet", SUNSHINE_KEYS_PROFILE="default", **environment) == f"{server.key.id}\n"
    typed = commands.ok("whoami", "--quiet", "--profile", "default", **environment)
    assert typed == f"{server.account_key.id}\n"


def test_a_profiles_key_is_sent_only_to_its_host(commands: Commands) -> None:
    log_in(commands, commands.server.app_key)
    elsewhere = commands("whoami", SUNSHINE_CONVERSATIONS_HOST="http://127.0.0.1:9")
    assert elsewhere.returncode == 2
    assert "its key is sent nowhere else" in elsewhere.stderr
    half = commands("whoami", SUNSHINE_CONVERSATIONS_KEY_ID="app_x", SUNSHINE_CONVERSATIONS_HOST="http://127.0.0.1:9")
    assert half.returncode == 2
    assert "or neither" in half.stderr


def test_a_keyring_stores_the_secret(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "keeping.py").write_text(KEYRING)
    store = tmp_path / "kept.json"
    commands.environment |= {
        "PYTHON_KEYRING_BACKEND": "keeping.Keyring",
        "PYTHONPATH": str(tmp_path),
        "KEYRING_FILE": str(store),
    }
    key = commands.server.app_key
    assert "in the system keyring" in log_in(commands, key).stdout
    assert json.loads(store.read_text()) == {"sunshine-keys default": key.secret}
    assert key.secret not in commands.profiles.read_text()
    assert commands.ok("whoami", "--quiet") == f"{key.id}\n"
    commands.environment["KEYRING_FILE"] = str(tmp_path / "locked")
    locked = commands("whoami")
    assert locked.returncode == 4
    assert "did not return the secret" in locked.stderr
    commands.environment["KEYRING_FILE"] = str(store)
    commands.ok("logout")
    assert json.loads(store.read_text()) == {}


def test_without_the_keyring_package_the_file_stores_the_secret(commands: Commands) -> None:
    key = commands.server.app_key
    program = "import sys; sys.modules['keyring'] = None; from sunshine_keys.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program, "login", "--host", commands.server.url, key.id],
        input=key.secret, env=commands.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(commands.profiles.read_text())["profiles"]["default"]["secret"] == key.secret


def test_invalid_profile_files_are_errors(commands: Commands) -> None:
    log_in(commands, commands.server.app_key)
    commands.profiles.chmod(0o644)
    assert f"Run: chmod 600 {commands.profiles}" in commands("whoami").stderr
    commands.profiles.chmod(0o600)
    for content in ("{", '{"profiles": []}', "\udcff", '{"x":' + "[" * 1_000_000 + "]" * 1_000_000 + "}"):
        commands.profiles.write_bytes(content.encode("utf-8", "surrogateescape"))
        broken = commands("whoami")
        assert broken.returncode == 2
        assert "the file is damaged" in broken.stderr
    commands.profiles.unlink()
    os.mkfifo(commands.profiles, 0o600)
    assert "it is a pipe" in commands("whoami").stderr


def test_concurrent_logins_are_all_saved(tmp_path: Path) -> None:
    add = (
        "import sys\nfrom sunshine_keys.cli.remote import profiles\n"
        "for number in range(5): profiles.add(f'{sys.argv[1]}-{number}', 'https://keys.example', 'act_1', 's')"
    )
    environment = os.environ | {
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    logins = [subprocess.Popen([sys.executable, "-c", add, str(number)], env=environment) for number in range(4)]
    assert [login.wait(60) for login in logins] == [0] * 4
    saved = json.loads((tmp_path / "sunshine-keys" / "profiles.json").read_bytes())["profiles"]
    assert len(saved) == 20


def test_invalid_logins_are_refused(commands: Commands) -> None:
    for arguments, stdin, code, said in (
        (("--host", "ftp://x", "act_1"), "s", 2, "--host is not the URL of a service"),
        (("--host", "http://u:p@127.0.0.1", "act_1"), "s", 2, "--host is not the URL of a service"),
        (("--host", "http://127.0.0.1:9"), "s", 2, "the key's id is missing or invalid"),
        (("--host", "http://127.0.0.1:9", "act_1"), "", 2, "the secret is empty"),
        (("--host", "http://127.0.0.1:9", "act_1"), '{"secret": "x"}', 2, "the secret is invalid"),
        (("--host", "http://keys.invalid", "act_1"), "s", 2, "https"),
        (("--host", "http://127.0.0.1:9", "act_1"), "s", 5, "http://127.0.0.1:9 did not answer"),
    ):
        result = commands.bare("login", *arguments, stdin=stdin)
        assert (result.returncode, result.stdout) == (code, ""), result.stderr
        assert said in result.stderr
        assert not commands.profiles.exists()


def test_whoami_shows_an_account_key_and_a_token(commands: Commands) -> None:
    server = commands.server
    account = commands.json("whoami", **commands.by(server.account_key))
    assert (account["scope"], account["appId"], account["from"]) == ("account", None, "the environment")
    token = {"SUNSHINE_CONVERSATIONS_BEARER_TOKEN": server.app_key.token(), "SUNSHINE_CONVERSATIONS_HOST": server.url}
    assert commands.json("whoami", **token)["appId"] == server.app_id


def test_open_starts_a_browser_or_prints_the_link(commands: Commands, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    link = commands.ok("open", BROWSER=str(browser))
    assert opened.read_text() == link
    opened.unlink()
    assert link.startswith(f"{commands.server.url}/console/sign-in?link#token=")
    claims = jwt.decode(link.partition("#token=")[2].strip(), commands.server.app_key.secret, algorithms=["HS256"])
    assert claims["scope"] == "app" and 30 < claims["exp"] - time.time() <= 45
    assert commands.ok("open", BROWSER="", DISPLAY="", PATH=str(tmp_path / "none")).startswith(link[:60])
    assert commands.ok("open", "--no-browser", BROWSER=str(browser)).startswith(link[:60])
    assert not opened.exists()


def test_open_without_a_key_that_can_sign_in_prints_the_page(commands: Commands) -> None:
    server = commands.server
    token = {"SUNSHINE_CONVERSATIONS_BEARER_TOKEN": server.app_key.token(), "SUNSHINE_CONVERSATIONS_HOST": server.url}
    for credentials in (commands.by(server.key), token):
        assert commands.ok("open", **credentials) == f"{server.url}/console\n"


def test_console_of_the_vendor_is_not_opened(commands: Commands) -> None:
    vendors = commands.by(commands.server.app_key) | {"SUNSHINE_CONVERSATIONS_HOST": "https://api.smooch.io"}
    assert commands("open", **vendors).returncode == 1
