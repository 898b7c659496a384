"""`list`, `create`, `show` and `delete`, as people and programs use them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.remote import Commands

TARGET = "https://example.com/hook"


def own(commands: Commands) -> tuple[str, str]:
    return "--integration", commands.server.integration_id


def test_keys_of_an_integration(commands: Commands) -> None:
    owner = own(commands)
    key = commands.json("keys", "create", "CI worker", *owner)
    assert list(key) == ["id", "displayName", "secret"]
    listed = commands.json("keys", "list", *owner)
    assert {"id": key["id"], "displayName": "CI worker"} in listed
    assert key in commands.json("keys", "list", *owner, "--reveal")
    assert commands.json("keys", "show", key["id"], *owner, "--reveal") == key
    assert commands.ok("keys", "delete", key["id"], *owner, "--yes") == f"Deleted key {key['id']}.\n"
    assert commands("keys", "show", key["id"], *owner).returncode == 3


def test_update_changes_what_is_named(commands: Commands, tmp_path: Path) -> None:
    server = commands.server
    assert commands.json("apps", "update", server.app_id, "--name", "Renamed")["displayName"] == "Renamed"
    assert "Renamed again" in commands.ok("integrations", "update", server.integration_id, "--name", "Renamed again")
    (webhook,) = commands.json("webhooks", "list", *own(commands))
    changed = commands.json("webhooks", "update", webhook["id"], *own(commands), "--target", TARGET)
    assert changed == webhook | {"target": TARGET}
    body = tmp_path / "body.json"
    body.write_text('{"metadata": {"team": "blue"}}')
    assert commands.json("apps", "update", server.app_id, "--body", str(body))["metadata"] == {"team": "blue"}
    nothing = commands("apps", "update", server.app_id)
    assert nothing.returncode == 2
    assert "name what to change: --name or --body" in nothing.stderr
    assert commands("keys", "update", "x").returncode == 2


def test_hints_fit_the_key_in_use(commands: Commands) -> None:
    server = commands.server
    by_integration = commands("webhooks", "list", **commands.by(server.key))
    assert by_integration.returncode == 2
    assert "With a key of its app: sunshine-keys integrations list" in by_integration.stderr
    by_app = commands("keys", "list", **commands.by(server.app_key))
    assert by_app.returncode == 4
    assert "add --integration; `sunshine-keys integrations list` shows the ids" in by_app.stderr
    refused = commands("integrations", "list", **commands.by(server.key))
    assert refused.returncode == 4
    assert "use the key of its app (app_…)" in refused.stderr


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("http://127.0.0.1:1", "the connection was refused, so nothing listens there"),
        ("https://no-such-host.invalid", "no such host name is known"),
    ],
)
def test_connection_errors_name_the_host_and_the_reason_in_words(commands: Commands, host: str, reason: str) -> None:
    result = commands("whoami", **commands.by(commands.server.key) | {"SUNSHINE_CONVERSATIONS_HOST": host})
    assert result.returncode == 5
    assert result.stderr.splitlines()[0] == f"sunshine-keys: {host} did not answer: {reason}"


def test_a_service_without_tls_is_named_in_words(commands: Commands) -> None:
    host = commands.server.url.replace("http:", "https:")
    result = commands("whoami", **commands.by(commands.server.key) | {"SUNSHINE_CONVERSATIONS_HOST": host})
    assert result.returncode == 5
    assert "it does not speak TLS there" in result.stderr


def test_quiet_prints_only_the_new_secret(commands: Commands) -> None:
    result = commands("keys", "create", "x", *own(commands), "--quiet")
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}\n", result.stdout)
    (key_id,) = re.findall("int_[0-9a-f]{24}", result.stderr)
    assert key_id in commands.ok("keys", "list", *own(commands), "--quiet").split()


def test_secrets_are_masked(commands: Commands) -> None:
    key = commands.server.key
    integration = commands.server.integration_id
    (webhook,) = commands.json("webhooks", "list", *own(commands), "--reveal")
    for shown in (
        commands.ok("keys", "list", *own(commands)),
        commands.ok("keys", "show", key.id, *own(commands)),
        commands.ok("webhooks", "list", *own(commands)),
        commands.ok("integrations", "show", integration),
        commands.ok("integrations", "show", integration, "--json"),
    ):
        assert key.secret not in shown
        assert webhook["secret"] not in shown
    assert f"{key.secret[:4]}…" in commands.ok("keys", "list", *own(commands))
    assert key.secret in commands.ok("keys", "list", *own(commands), SUNSHINE_KEYS_REVEAL="1")


def test_an_account_key_manages_apps_and_their_keys(commands: Commands) -> None:
    by = commands.by(commands.server.account_key)
    app = commands.json("apps", "create", "Ours", **by)["id"]
    assert app in commands.ok("apps", "list", "--quiet", **by).split()
    assert commands.json("apps", "show", app, **by)["displayName"] == "Ours"
    key = commands.json("keys", "create", "provisioning", "--app", app, **by)
    assert key["id"].startswith("app_")
    assert commands.ok("keys", "list", "--quiet", SUNSHINE_KEYS_APP=app, **by) == f"{key['id']}\n"
    unnamed = commands("keys", "list", **by)
    assert unnamed.returncode == 2
    assert "add --app" in unnamed.stderr
    assert commands.json("apps", "delete", app, "--yes", **by) == {"id": app, "deleted": True}
    assert commands("apps", "show", app, **by).returncode == 3


def test_integrations_and_webhooks(commands: Commands) -> None:
    integration = commands.json("integrations", "create", "Bot", "--target", TARGET, "--trigger", "conversation:create")
    assert (integration["type"], integration["displayName"]) == ("custom", "Bot")
    assert integration["webhooks"][0]["triggers"] == ["conversation:create"]
    web = commands.ok("integrations", "create", "Page", "--type", "web", "--quiet").strip()
    table = commands.ok("integrations", "list").splitlines()
    assert table[0].split() == ["id", "type", "status", "displayName"]
    assert [web, "web", "active", "Page"] in [line.split() for line in table]

    owner = ("--integration", integration["id"])
    (first,) = commands.ok("webhooks", "list", *owner, "--quiet").split()
    assert commands.json("webhooks", "show", first, *owner)["target"] == TARGET
    commands.ok("webhooks", "delete", first, *owner, "--yes")
    second = commands.json("webhooks", "create", TARGET, *owner)
    assert (second["triggers"], len(second["secret"])) == (["conversation:message"], 32)
    assert commands.ok("integrations", "delete", integration["id"], web, "--yes", "--quiet").split() == [
        integration["id"],
        web,
    ]


def test_body_is_sent_with_options_replacing_properties(commands: Commands, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"target": TARGET, "triggers": ["user:merge"], "includeFullUser": True}))
    (first,) = commands.ok("webhooks", "list", *own(commands), "--quiet").split()
    commands.ok("webhooks", "delete", first, *own(commands), "--yes")
    webhook = commands.json("webhooks", "create", "--body", str(body), *own(commands))
    assert (webhook["includeFullUser"], webhook["triggers"]) == (True, ["user:merge"])
    named = commands.json("keys", "create", "mine", "--body", "-", *own(commands), stdin='{"displayName": "other"}')
    assert named["displayName"] == "mine"
    for text, said in (("[]", "is not a JSON object"), ("{", "is not a JSON object in UTF-8")):
        wrong = commands("keys", "create", "--body", "-", *own(commands), stdin=text)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert said in wrong.stderr


def test_deletion_asks_for_confirmation(commands: Commands) -> None:
    key = commands.server.key
    by = commands.by(commands.server.app_key)
    refused = commands("keys", "delete", key.id, *own(commands))
    assert refused.returncode == 2
    assert "Add --yes" in refused.stderr

    terminal = commands.on_terminal("keys", "delete", key.id, *own(commands), **by)
    terminal.answer('"Sample key"? The service then refuses it', "n")
    assert terminal.end() == 1
    assert key.id in commands.ok("keys", "list", *own(commands), "--quiet")

    terminal = commands.on_terminal("keys", "delete", key.id, *own(commands), **by)
    terminal.answer("[y/N]", "y")
    assert terminal.end() == 0
    assert commands.ok("keys", "list", *own(commands), "--quiet") == ""


def test_colours_appear_on_a_terminal_unless_no_color_is_set(commands: Commands) -> None:
    by = commands.by(commands.server.app_key) | {"TERM": "xterm-256color", "COLUMNS": "100"}
    seen = {}
    for name, environment in (("yes", {}), ("no", {"NO_COLOR": "1"})):
        terminal = commands.on_terminal("keys", "list", *own(commands), **by, **environment)
        assert terminal.end() == 0
        seen[name] = terminal.said
    assert "\x1b[1" in seen["yes"]
    assert not re.search("\x1b\\[[0-9;]*3[0-9]", seen["no"])
    assert "\x1b" not in commands.ok("keys", "list", *own(commands))


def test_control_characters_in_names_are_replaced(commands: Commands) -> None:
    commands.ok("keys", "create", "\x1b[2J[bold]x[/bold]", *own(commands))
    for shown in (
        commands.ok("keys", "list", *own(commands)),
        commands.ok("keys", "create", "\x1b]0;x", *own(commands)),
    ):
        assert "\x1b" not in shown
    assert "\ufffd[2J[bold]x[/bold]" in commands.ok("keys", "list", *own(commands))


@pytest.fixture
def stranger() -> Iterator[tuple[str, dict[str, Any]]]:
    """A service that answers each request with an object, which the test fills."""
    answer: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(answer).encode()
            self.send_response(201 if self.command == "POST" else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the base's name

        def log_message(self, format: str, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", answer
        finally:
            listening.shutdown()
            thread.join()


_OWNED = ("--app", "a", "--integration", "i")


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list", *_OWNED, "--quiet"),
        ("keys", "show", "x", *_OWNED, "--quiet"),
        ("keys", "create", "x", *_OWNED, "--quiet"),
        ("keys", "delete", "--match", "*", *_OWNED),
    ],
    ids=" ".join,
)
def test_control_characters_in_ids_and_secrets_are_replaced(
    commands: Commands, stranger: tuple[str, dict[str, Any]], command: tuple[str, ...]
) -> None:
    url, answer = stranger
    key = {"id": "int_\x1b[2J", "displayName": "\x1b[2J", "secret": "\x1b[2J"}
    answer |= {"key": key, "keys": [key]}
    result = commands(*command, SUNSHINE_CONVERSATIONS_HOST=url, SUNSHINE_CONVERSATIONS_BEARER_TOKEN="t")
    assert "\x1b" not in result.stdout + result.stderr
    assert "\ufffd[2J" in result.stdout + result.stderr


@pytest.mark.parametrize(
    "command", [("whoami",), ("keys", "list", *_OWNED), ("keys", "show", "x", *_OWNED)], ids=" ".join
)
def test_an_answer_of_wrong_types_is_an_error(
    commands: Commands, stranger: tuple[str, dict[str, Any]], command: tuple[str, ...]
) -> None:
    url, answer = stranger
    for wrong in ([1], 5, "x", {"id": 1}):
        answer |= {"app": wrong, "key": wrong, "keys": wrong}
        result = commands(*command, SUNSHINE_CONVERSATIONS_HOST=url, SUNSHINE_CONVERSATIONS_BEARER_TOKEN="t")
        assert result.returncode == 1
        assert f"{url} did not answer as this API does" in result.stderr


def test_closed_standard_output_creates_nothing(commands: Commands) -> None:
    closed = subprocess.run(
        f"{sys.executable} -m sunshine_keys keys create unseen --integration {commands.server.integration_id} >&-",
        shell=True, env=os.environ | commands.environment | commands.by(commands.server.app_key),
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert closed.returncode == 2
    assert "standard output is closed" in closed.stderr
    assert "unseen" not in commands.ok("keys", "list", *own(commands))


def test_characters_that_the_encoding_lacks_are_escaped(commands: Commands) -> None:
    name = "caf\u00e9 \U0001f511"
    assert commands.json("keys", "create", name, *own(commands), PYTHONIOENCODING="ascii")["displayName"] == name
    assert r"caf\xe9 \U0001f511" in commands.ok("keys", "list", *own(commands), PYTHONIOENCODING="ascii")
    assert name in commands.ok("keys", "list", *own(commands), PYTHONIOENCODING="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("keys", "list", "--integration", "f" * 24), 3, "404 Integration not found"),
        (("keys", "list"), 4, "For the keys of an integration, add --integration"),
        (("keys", "create", "x" * 101, "--integration", "INTEGRATION"), 1, "400 "),
        (("keys", "create", "--integration", "INTEGRATION"), 2, "NAME is missing"),
        (("keys", "delete", "--integration", "INTEGRATION"), 2, "or use --match"),
        (("keys", "delete", "x", "--match", "*", "--integration", "INTEGRATION"), 2, "or use --match"),
        (("webhooks", "list"), 2, "the integration is missing"),
        (("apps", "list", "--json", "--quiet"), 2, "not both"),
        (("apps", "show"), 2, ""),
        (("integrations", "create", "Bot"), 2, "--target is missing"),
    ],
)
def test_errors_have_exit_codes_and_advice(
    commands: Commands, arguments: tuple[str, ...], code: int, said: str
) -> None:
    words = [word.replace("INTEGRATION", commands.server.integration_id) for word in arguments]
    result = commands(*words)
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_refusal_names_the_requests_id(commands: Commands) -> None:
    by = commands.by(commands.server.app_key) | {"SUNSHINE_CONVERSATIONS_SECRET": "wrong"}
    refused = commands("apps", "list", **by)
    assert refused.returncode == 4
    assert re.search(r"sunshine-keys doctor [0-9a-f]{24} --data FOLDER", refused.stderr)


def test_unreachable_and_failing_services_have_their_own_exit_codes(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unanswered:
        port = unanswered.getsockname()[1]
    by = commands.by(commands.server.app_key)
    gone = commands("integrations", "list", **(by | {"SUNSHINE_CONVERSATIONS_HOST": f"http://127.0.0.1:{port}"}))
    assert gone.returncode == 5
    assert "Check that the service runs" in gone.stderr
    commands.server.faults.next(status=500)
    failing = commands("integrations", "list", "--app", commands.server.app_id)
    assert failing.returncode == 6
    assert "Try again" in failing.stderr


def test_completion_offers_commands_and_profiles(commands: Commands) -> None:
    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        program = "import sys; sys.argv[0] = 'sunshine-keys'; from sunshine_keys.cli import main; main()"
        environment = os.environ | commands.environment | words | {"_SUNSHINE_KEYS_COMPLETE": "complete_bash"}
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
        ).stdout.split()

    assert completed("sunshine-keys ke") == ["keys"]
    assert completed("sunshine-keys keys ") == ["list", "create", "show", "delete", "rotate"]
    commands.profiles.parent.mkdir(parents=True)
    commands.profiles.write_text('{"profiles": {"staging": {"host": "http://x", "keyId": "act_1", "secret": "s"}}}')
    commands.profiles.chmod(0o600)
    assert completed("sunshine-keys whoami --profile st") == ["staging"]
