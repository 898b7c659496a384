"""`dev` and `chat`: a bot, its service and its customer in processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import pytest
from support.commands import run
from support.dev import bot, dev
from support.remote import Terminal
from support.visitor import Page, Visitor
from support.waiting import wait_until
from support.wire import Key, Wire, first_run

from sunshine_keys.testing import SunshineServer


def test_person_talks_to_a_bot_in_the_terminal(tmp_path: Path, unused_port: int) -> None:
    with (
        dev(tmp_path, "--forward-to", f"localhost:{unused_port}/webhook") as running,
        bot(running.bot_variables(), unused_port),
    ):
        chat = running.chat("Hello", "2", "Jane", "no address", "Jane", "jane@example.com", "Talk to a person")
        assert chat.stderr == ""
        assert chat.stdout.splitlines() == [
            "bot: How can I help?", "  1. Echo", "  2. Contact form", "  3. Talk to a person",
            "bot: You said: Hello",
            "bot: [form: Your name, Your e-mail]", "  Your name?", "  Your e-mail?",
            "  fields.mail should be an e-mail address", "  Your name?", "  Your e-mail?",
            "bot: Thank you, Jane!",
            "bot: Nobody is there at the moment.",
        ]  # fmt: skip
        running.wait_for("Nobody is there at the moment.  200 in")
        assert running.stop() == 0, running.said
    lines = running.said
    assert re.search(r"person   POST /conversations/…\w{4}/messages  201 in \d+ ms", lines)
    assert re.search(r"bot      POST /conversations/…\w{4}/messages  201 in \d+ ms", lines)
    assert re.search(r"webhook  conversation:message  [^:]+: Hello  200 in \d+ ms", lines)
    assert "formResponses  400 bad_request" in lines
    assert "GET" not in lines  # what `chat` itself reads is left out
    assert lines.endswith("Stopped. Nothing is left.\n")


def test_bot_hands_over_to_an_agent_and_back(tmp_path: Path, unused_port: int) -> None:
    with (
        dev(tmp_path, "--forward-to", f"localhost:{unused_port}/webhook") as running,
        bot(running.bot_variables(), unused_port),
    ):
        running.chat("/switchboard")
        chat = running.chat("Talk to a person", "/agent I am Ann.", "/handback", "Hello", "/takeover", "/close")
        assert chat.stdout.splitlines()[4:] == [
            "Agent: I am Ann.",
            "  bot has control",
            "bot: How can I help?", "  1. Echo", "  2. Contact form", "  3. Talk to a person",
            "bot: You said: Hello",
            "  agents has control",
            "  [ticket:closed]",
        ]  # fmt: skip
        running.wait_for("webhook  conversation:message  bot: [ticket:closed]  200 in")
        assert running.stop() == 0, running.said


def test_lines_show_a_bot_that_does_not_answer_and_one_with_a_wrong_secret(tmp_path: Path, unused_port: int) -> None:
    with dev(tmp_path, "--forward-to", f"http://localhost:{unused_port}/webhook") as running:
        assert running.chat("Hello").returncode == 0
        running.wait_for(", again at 20")
        assert "conversation:create" in running.said
        with bot(running.bot_variables() | {"SECRET": "wrong"}, unused_port):
            running.chat("Hello")
            running.wait_for("401 unauthorized")


def test_lines_show_further_attempts(tmp_path: Path, unused_port: int) -> None:
    data = tmp_path / "data"
    options = ("--data", str(data), "--forward-to", f"http://localhost:{unused_port}/webhook")
    with dev(tmp_path / "home", *options) as running:
        running.chat()
        running.wait_for(", again at 20")
        account = Key.of(json.loads((data / "dev.json").read_text())["account_key"])
        with bot(running.bot_variables(), unused_port):
            wire = Wire(running.bot_variables()["SUNSHINE_CONVERSATIONS_HOST"])
            assert wire.post("/simulator/v1/clock", account, {"seconds": 15}).status == 200
            running.wait_for("webhook  conversation:create  200 in")


def test_chat_opens_in_a_browser_if_there_is_a_terminal(tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o700)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    environment = clean | {
        "XDG_CONFIG_HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "BROWSER": str(browser)
    }  # fmt: skip
    command = [sys.executable, "-m", "sunshine_keys", "dev", "--port", "0"]
    terminal = Terminal(command, environment)
    wait_until(opened.exists, 30)
    link = opened.read_text().strip()
    page = visit(link)
    assert (page.status, page.headers["location"].rpartition("/")[2]) == (303, "chat")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert link in terminal.said
    opened.unlink()

    terminal = Terminal([*command, "--no-browser"], environment)
    terminal.wait_for("Ctrl-C stops it.")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert not opened.exists()


def visit(link: str) -> Page:
    """Do what the script of the sign-in page does with a link."""
    url, _, rest = link.partition("/console/")
    path, _, token = rest.partition("#token=")
    visitor = Visitor(url)
    return visitor.submit(visitor.get(f"/console/{path}"), "/sign-in", token=token)


def test_link_is_printed_and_no_browser_opens_without_a_terminal(tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f"#!/bin/sh\ntouch {opened}\n")
    browser.chmod(0o700)
    with dev(tmp_path, BROWSER=str(browser)) as running:
        link = next(line.strip() for line in running.said.splitlines() if "#token=" in line)
        assert visit(link).status == 303
        assert running.stop() == 0, running.said
    assert not opened.exists()


def test_leaving_a_form_sends_nothing(tmp_path: Path, unused_port: int) -> None:
    with (
        dev(tmp_path, "--forward-to", f"http://localhost:{unused_port}/webhook") as running,
        bot(running.bot_variables(), unused_port),
    ):
        chat = running.chat("Contact form", "Jane", "", "Hello")
        assert chat.stdout.endswith("  Your name?\n  Your e-mail?\nbot: You said: Hello\n")


def test_folder_keeps_everything_for_the_next_time(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with dev(tmp_path / "home", "--data", data) as running:
        first = running.bot_variables()
        assert running.stop(signal.SIGTERM) == 0
        assert running.said.endswith(f"Stopped. {data} has everything for the next time.\n")
    with dev(tmp_path / "home", "--data", data, "--forward-to", "http://localhost:1/other") as running:
        second = running.bot_variables()
        listed = run(
            "webhooks", "list", "--profile", "dev", "--integration", first["INTEGRATION_ID"], **running.variables
        )
        assert "http://localhost:1/other" in listed.stdout
    host = "SUNSHINE_CONVERSATIONS_HOST"
    assert {name: value for name, value in second.items() if name != host} == {
        name: value for name, value in first.items() if name != host
    }
    modes = [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "data" / "dev.json", running.env_file)]
    assert modes == [0o600, 0o600]


def test_folder_whose_webhook_is_deleted_is_explained(tmp_path: Path) -> None:
    options = ("--data", str(tmp_path / "data"))
    with dev(tmp_path / "home", *options) as running:
        place = json.loads((tmp_path / "data" / "dev.json").read_text())
        wire = Wire(running.bot_variables()["SUNSHINE_CONVERSATIONS_HOST"])
        path = f"/v2/apps/{place['app_id']}/integrations/{place['integration_id']}/webhooks/{place['webhook_id']}"
        assert wire.delete(path, Key.of(place["app_key"])).status == 200
        assert running.stop() == 0, running.said
    result = run("dev", "--port", "0", *options, XDG_CONFIG_HOME=str(tmp_path))
    assert result.returncode == 1
    assert "the webhook of the bot" in result.stderr and "Name another folder" in result.stderr


def test_unused_packages_are_not_loaded_before_the_service_is_ready(tmp_path: Path) -> None:
    """aiohttp, urllib3 and keyring take 0.3 seconds together. Python writes a line to the same file for each module."""
    with dev(tmp_path, PYTHONPROFILEIMPORTTIME="1") as running:
        before = running.said.partition("Sunshine Keys serves on")[0]
        assert "sunshine_keys.server" in before
        assert [name for name in ("aiohttp", "urllib3", "keyring", "jinja2") if f" {name}\n" in before] == []
        running.wait_for(" urllib3\n")


def test_bot_answers_soon_after_the_start(tmp_path: Path, unused_port: int) -> None:
    """The time is measured by benchmarks/start.py; the limit is generous, because tests run on busy machines."""
    began = time.monotonic()
    with dev(tmp_path, "--forward-to", f"http://localhost:{unused_port}/webhook") as running:
        with bot(running.bot_variables(), unused_port):
            assert "bot: You said: Hello" in running.chat("Hello").stdout
        assert time.monotonic() - began < 30


def test_profile_exists_only_while_the_service_runs(tmp_path: Path) -> None:
    with dev(tmp_path) as running:
        assert "dev" in run("profiles", **running.variables).stdout
        running.stop()
    assert "dev" not in run("profiles", **running.variables).stdout


def test_profile_that_is_removed_meanwhile_is_no_error(tmp_path: Path) -> None:
    with dev(tmp_path) as running:
        assert run("logout", "--profile", "dev", **running.variables).returncode == 0
        assert running.stop() == 0, running.said
        assert running.said.endswith("Stopped. Nothing is left.\n")


def test_profile_of_another_service_stays(tmp_path: Path) -> None:
    file = tmp_path / "sunshine-keys" / "profiles.json"
    file.parent.mkdir()
    own = {"profiles": {"dev": {"host": "https://keys.example.com", "keyId": "app_1", "secret": "s"}}}
    file.write_text(json.dumps(own))
    file.chmod(0o600)
    with dev(tmp_path) as running:
        assert "chat --profile dev-2" in running.said
        assert run("whoami", "--profile", "dev-2", **running.variables).returncode == 0
        running.stop(signal.SIGHUP)
    assert json.loads(file.read_text())["profiles"] == own["profiles"]


def test_target_that_is_no_url_is_rejected() -> None:
    for target in ("http://", "ftp://localhost/x", "http://localhost:0/", "http://[::1/", "http://exa mple/"):
        result = run("dev", "--forward-to", target)
        assert result.returncode == 2
        assert "http://localhost:5000/webhook" in result.stderr


def test_foreign_files_are_not_overwritten(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("PASSWORD=x\n")
    result = run("dev", "--env", str(env), "--port", "0")
    assert result.returncode == 1
    assert "this command has not written it" in result.stderr
    assert env.read_text() == "PASSWORD=x\n"


def test_store_of_another_command_is_rejected(tmp_path: Path) -> None:
    first_run(tmp_path)
    result = run("dev", "--data", str(tmp_path), "--port", "0", XDG_CONFIG_HOME=str(tmp_path))
    assert result.returncode == 1
    assert "sunshine-keys serve" in result.stderr


def test_damaged_file_of_keys_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("{}")
    result = run("dev", "--data", str(tmp_path), "--port", "0")
    assert result.returncode == 1
    assert "damaged" in result.stderr


def test_port_that_is_taken_is_named(tmp_path: Path, unused_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unused_port = listener.getsockname()[1]
        result = run("dev", "--port", str(unused_port), XDG_CONFIG_HOME=str(tmp_path))
    assert result.returncode == 1
    assert f"port {unused_port}" in result.stderr and "--port" in result.stderr


@pytest.mark.parametrize("user", ["nobody", "\u00e4"])
def test_chat_with_an_unknown_person_is_rejected(sunshine: SunshineServer, tmp_path: Path, user: str) -> None:
    variables = {
        "SUNSHINE_CONVERSATIONS_HOST": sunshine.url, "SUNSHINE_CONVERSATIONS_KEY_ID": sunshine.app_key.id,
        "SUNSHINE_CONVERSATIONS_SECRET": sunshine.app_key.secret, "XDG_CONFIG_HOME": str(tmp_path),
    }  # fmt: skip
    result = run("chat", "--user", user, **variables)
    assert result.returncode == 3
    assert result.stdout == ""
