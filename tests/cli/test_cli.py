"""`init`, `serve`, `token`, --help and errors, as an operator runs them."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
import typer
from support.commands import failed, run
from support.servers import Server
from support.wire import Key, first_run

from sunshine_keys.cli.commands import MODULES, register
from sunshine_keys.cli.examples import EXAMPLES
from sunshine_keys.keys.secrets import new_secret


def invalid(result: subprocess.CompletedProcess[str]) -> str:
    """Check that a command was refused as invalid, and return the message."""
    assert (result.returncode, result.stdout) == (2, "")
    return result.stderr


COMMANDS: dict[str, Any] = typer.main.get_command(register()).commands  # type: ignore[attr-defined]


class TestInit:
    def test_prints_the_account_key_once(self, tmp_path: Path) -> None:
        first = run("init", "--data", str(tmp_path / "data"))
        assert first.returncode == 0
        assert "act_" in first.stdout
        assert failed(run("init", "--data", str(tmp_path / "data"))) == (
            "sunshine-keys: this store exists, and its account key was shown when it was created. "
            "Add --new-account-key for another"
        )

    def test_json_of_a_bare_store(self, tmp_path: Path) -> None:
        sample = json.loads(run("init", "--data", str(tmp_path), "--json").stdout)
        assert list(sample) == ["account_key"]
        assert list(sample["account_key"]) == ["id", "displayName", "secret"]

    def test_json_of_the_samples(self, tmp_path: Path) -> None:
        sample = json.loads(run("init", "--data", str(tmp_path), "--sample", "--json").stdout)
        assert list(sample) == ["account_key", "app", "app_key", "integration", "key", "other_integration"]
        assert sample["app"]["id"] == "5d8cff3cd55b040010928b5b"
        assert sample["integration"]["id"] == "029c31f25a21b47effd7be90"
        assert sample["key"]["id"] == "int_5d8cff3cd55b040010928b5b"
        assert sample["other_integration"]["type"] == "web"
        assert [sample[name]["id"][:4] for name in ("account_key", "app_key", "key")] == ["act_", "app_", "int_"]

    def test_only_the_owner_can_read_the_files_which_contain_no_secret(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        sample = json.loads(run("init", "--data", str(data), "--sample", "--json").stdout)
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        files = list(data.iterdir())
        assert len(files) >= 2
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            content = file.read_bytes()
            for secret in (
                sample["account_key"]["secret"],
                sample["key"]["secret"],
                sample["integration"]["webhooks"][0]["secret"],
            ):
                assert secret.encode() not in content

    def test_output_writes_the_json_to_a_new_file_only(self, tmp_path: Path) -> None:
        file = tmp_path / "sample.json"
        result = run("init", "--data", str(tmp_path / "data"), "--sample", "--output", str(file))
        assert result.stdout == f"The keys of the store {tmp_path}/data/sunshine-keys.sqlite3 are in {file}.\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_text()
        assert json.loads(content)["key"]["id"] == "int_5d8cff3cd55b040010928b5b"
        assert " exists, and may contain keys" in failed(
            run("init", "--data", str(tmp_path / "data2"), "--output", str(file))
        )
        assert file.read_text() == content
        assert not (tmp_path / "data2").exists()
        other = tmp_path / "other.json"
        assert "this store exists" in failed(run("init", "--data", str(tmp_path / "data"), "--output", str(other)))
        assert not other.exists()
        assert "cannot write" in failed(run("init", "--data", str(tmp_path / "data3"), "--output", "/nowhere/x"))

    def test_a_new_account_key_needs_a_store(self, tmp_path: Path) -> None:
        assert "there is no store" in failed(run("init", "--data", str(tmp_path / "typo"), "--new-account-key"))
        assert not (tmp_path / "typo").exists()
        assert "Use only one of them" in failed(run("init", "--data", str(tmp_path), "--new-account-key", "--sample"))

    def test_invalid_locations_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert failed(run("init", "--data", str(tmp_path / "file"))).endswith("file is not a folder")
        assert "there is no folder" in failed(run("init", "--database", f"sqlite://{tmp_path}/none/x.db"))
        assert not (tmp_path / "none").exists()

    def test_a_lost_account_key_can_be_replaced(self, tmp_path: Path) -> None:
        with Path("/dev/full").open("w") as full:
            lost = subprocess.run(
                [sys.executable, "-m", "sunshine_keys", "init", "--data", str(tmp_path)],
                stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            )  # fmt: skip
        assert lost.returncode == 1
        assert "create another: sunshine-keys account-keys create" in lost.stderr
        assert lost.stderr.count("\n") == 1
        another = json.loads(run("account-keys", "create", "--data", str(tmp_path), "--json").stdout)
        with Server(tmp_path) as server:
            assert server.wire.get("/v2/apps", Key.of(another)).status == 200

    def test_closed_standard_output_creates_nothing(self, tmp_path: Path) -> None:
        closed = subprocess.run(
            f"{sys.executable} -m sunshine_keys init --data {tmp_path} >&-",
            shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert closed.returncode == 1
        assert "standard output is closed" in closed.stderr
        assert run("init", "--data", str(tmp_path)).returncode == 0

    def test_concurrent_runs_create_one_store(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: run("init", "--data", str(tmp_path)), range(4)))
        assert sorted(result.returncode for result in results) == [0, 1, 1, 1]

    def test_options_from_the_environment(self, tmp_path: Path) -> None:
        result = run("init", SUNSHINE_KEYS_DATA=str(tmp_path), SUNSHINE_KEYS_JSON="1", SUNSHINE_KEYS_SAMPLE="1")
        assert "app_key" in json.loads(result.stdout)

    def test_a_database_elsewhere(self, tmp_path: Path) -> None:
        database = tmp_path / "db" / "keys.sqlite3"
        database.parent.mkdir()
        result = run("init", "--data", str(tmp_path / "data"), "--database", f"sqlite://{database}")
        assert result.returncode == 0
        assert database.exists()
        assert (tmp_path / "data" / "sealing.key").exists()

    def test_a_missing_or_invalid_location_is_an_error(self) -> None:
        for url in ("mysql://x", "sqlite:", "sqlite::memory:", "sqlite:///:memory:", "nonsense", "sqlite://"):
            assert "sqlite:///path/to/file" in failed(run("init", "--database", url))

    @pytest.mark.parametrize("place", ["/proc/nowhere"])
    def test_an_unwritable_folder_is_an_error(self, place: str) -> None:
        assert f"cannot make the folder {place}" in failed(run("init", "--data", place))


class TestSealingKey:
    def sealing_key(self, byte: int) -> str:
        return base64.b64encode(bytes([byte]) * 32).decode()

    def test_a_key_from_the_environment_needs_no_file(self, tmp_path: Path) -> None:
        file = tmp_path / "kek"
        file.write_text(self.sealing_key(1) + "\n")
        data = tmp_path / "data"
        assert run("init", "--data", str(data), SUNSHINE_KEYS_SEALING_KEY_FILE=str(file)).returncode == 0
        assert not (data / "sealing.key").exists()
        assert "this store exists" in failed(
            run("init", "--data", str(data), SUNSHINE_KEYS_SEALING_KEY=self.sealing_key(1))
        )

    def test_the_wrong_and_the_missing_key_are_named(self, tmp_path: Path) -> None:
        data = str(tmp_path)
        run("init", "--data", data, SUNSHINE_KEYS_SEALING_KEY=self.sealing_key(1))
        for command in (("init", "--data", data), ("serve", "--data", data, "--port", "0")):
            wrong = failed(run(*command, SUNSHINE_KEYS_SEALING_KEY=self.sealing_key(2)))
            assert "are sealed under key " in wrong
            assert self.sealing_key(2) not in wrong
            missing = failed(run(*command))
            assert "is missing: put it back" in missing
            assert missing.split("under key ")[1][:8] == wrong.split("under key ")[1][:8]
        assert not (tmp_path / "sealing.key").exists()

    @pytest.mark.parametrize("text", ["x", "AAAA", "not/base64/at/all!", base64.b64encode(bytes(33)).decode()])
    def test_an_invalid_key_is_an_error(self, tmp_path: Path, text: str) -> None:
        said = failed(run("init", "--data", str(tmp_path), SUNSHINE_KEYS_SEALING_KEY=text))
        assert said == "sunshine-keys: SUNSHINE_KEYS_SEALING_KEY should hold sealing keys, each 32 bytes in base64"
        (tmp_path / "sealing.key").write_text(text)
        assert "should hold sealing keys" in failed(run("init", "--data", str(tmp_path)))


class TestServe:
    def test_a_port_in_use(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = failed(run("serve", "--data", str(tmp_path), "--port", str(port)))
        assert said.endswith(f"127.0.0.1 port {port}: Address already in use. Name another with --port")

    @pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64, "256.0.0.1"])
    def test_an_invalid_host_is_an_error(self, tmp_path: Path, host: str) -> None:
        assert f"cannot listen on {host}" in failed(run("serve", "--data", str(tmp_path), "--host", host))

    def test_a_newer_store(self, tmp_path: Path) -> None:
        import sqlite3

        run("init", "--data", str(tmp_path))
        connection = sqlite3.connect(tmp_path / "sunshine-keys.sqlite3")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        assert "use the newer program" in failed(run("serve", "--data", str(tmp_path), "--port", "0"))

    @pytest.mark.parametrize("limit", ["key", "source", "failures"])
    def test_an_invalid_rate_is_named(self, tmp_path: Path, limit: str) -> None:
        said = run("serve", "--data", str(tmp_path / "new"), f"--rate-limit-{limit}", "often")
        assert (said.returncode, f"'--rate-limit-{limit}'" in said.stderr) == (2, True), said.stderr
        assert not (tmp_path / "new").exists()

    def test_usage_errors_exit_2(self) -> None:
        for wrong in (("serve", "--port", "x"), ("serve", "--workers", "0"), ("nonsense",), ("token", "x", "y")):
            assert run(*wrong).returncode == 2


class TestToken:
    SECRET = new_secret()

    @pytest.mark.parametrize(("key_id", "scope"), [("act_1", "account"), ("app_1", "app"), ("int_1", "integration")])
    def test_the_scope_follows_from_the_id(self, key_id: str, scope: str) -> None:
        result = run("token", key_id, stdin=self.SECRET + "\n")
        assert result.returncode == 0, result.stderr
        claims = jwt.decode(result.stdout.strip(), self.SECRET, ["HS256"])
        assert (claims["scope"], claims["exp"] - claims["iat"]) == (scope, 300)
        assert jwt.get_unverified_header(result.stdout.strip())["kid"] == key_id

    def test_the_secret_from_a_file_or_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text(self.SECRET)
        for result in (
            run("token", "app_1", "--secret-file", str(file), "--expires-in", "9"),
            run("token", "app_1", SUNSHINE_KEYS_SECRET_FILE=str(file), SUNSHINE_KEYS_EXPIRES_IN="9"),
            run("token", "x", "--scope", "app", "--expires-in", "9", SUNSHINE_KEYS_SECRET=self.SECRET),
        ):
            claims = jwt.decode(result.stdout.strip(), self.SECRET, ["HS256"], options={"verify_exp": False})
            assert claims["exp"] - claims["iat"] == 9

    def test_tokens_that_the_service_refuses_are_not_signed(self) -> None:
        assert "would refuse a token of another scope" in invalid(run("token", "int_1", "--scope", "app", stdin="s"))
        assert "the secret is invalid" in invalid(run("token", "int_1", stdin='{"key": {"secret": "x"}}'))

    def test_missing_input_is_named(self, tmp_path: Path) -> None:
        assert "does not begin with act_, app_ or int_" in invalid(run("token", "x", stdin="s"))
        assert "the secret is empty" in invalid(run("token", "app_1", stdin=" \n"))
        assert "cannot read the secret" in invalid(run("token", "app_1", "--secret-file", str(tmp_path / "none")))


def test_help_lists_every_command_once() -> None:
    result = run("-h", COLUMNS="80")
    assert result.returncode == 0
    listed = re.findall(r"^  ([a-z][a-z-]*) {2,}[A-Z]", result.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", ["serve", "init", "copy"])
def test_help_names_options_and_variables_in_full_on_a_narrow_terminal(command: str) -> None:
    output = run(command, "--help", COLUMNS="80").stdout
    for parameter in COMMANDS[command].params:
        for name in (*parameter.opts, *parameter.secondary_opts, parameter.envvar):
            assert name is None or not name.startswith(("-", "SUNSHINE")) or name in output, name


def every_command(command: Any = None, words: str = "") -> Iterator[tuple[str, Any]]:
    command = command or typer.main.get_command(register())
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from every_command(child, f"{words} {name}".strip())


def test_modules_are_listed_with_the_commands_that_they_register() -> None:
    program = register()
    registered: dict[str, set[str]] = {}
    for group in program.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            registered.setdefault(_module(command), set()).add(str(group.name))
    for command in program.registered_commands:
        registered.setdefault(_module(command), set()).add(command.name or command.callback.__name__)  # type: ignore[union-attr]
    assert registered.pop("program") == {"version", "help"}
    assert registered == {name: set(words) for name, words in MODULES.items()}


def _module(command: typer.models.CommandInfo) -> str:
    return str(command.callback and command.callback.__module__).removeprefix("sunshine_keys.cli.")


def test_serve_imports_no_other_command() -> None:
    program = "import sys; from sunshine_keys.cli.commands import register; register('serve'); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    commands = {f"sunshine_keys.cli.{name}" for name in MODULES}
    assert commands & set(result.stdout.split()) == {"sunshine_keys.cli.serve", "sunshine_keys.cli.notifying"}


def test_every_help_ends_with_examples_whose_options_exist() -> None:
    commands = dict(every_command())
    assert set(commands) == set(EXAMPLES)
    for words, command in commands.items():
        assert command.epilog.startswith("\b\nExamples:\n"), words
        for example in EXAMPLES[words]:
            called = shlex.split(example.rpartition("| ")[2].partition(" < ")[0].partition(" > ")[0])
            assert called.pop(0) == "sunshine-keys"
            path = ""
            while called and f"{path} {called[0]}".strip() in commands:
                path = f"{path} {called.pop(0)}".strip()
            assert path == words or words in ("", *path.split()[:1]), example
            known = {
                name for parameter in commands[path].params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            assert {word for word in called if word.startswith("-") and word != "-"} <= known, example
    assert run("keys", "create", "--help").stdout.rstrip().endswith("> keys.json")


def test_help_is_a_command() -> None:
    assert run("help").stdout == run("--help").stdout
    assert run("help", "keys", "create").stdout == run("keys", "create", "--help").stdout
    unknown = run("help", "keys", "nothing")
    assert unknown.returncode == 2
    assert "there is no command" in unknown.stderr


def test_the_folder_of_the_store_has_a_default(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
    for command in (["init"], ["account-keys", "list"], ["audit", "verify"]):
        result = subprocess.run(
            [sys.executable, "-m", "sunshine_keys", *command],
            cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "sunshine-keys.sqlite3").is_file()


def test_version_is_printed() -> None:
    from sunshine_conversations_client import __version__

    assert run("--version").stdout == f"sunshine-keys {__version__}\n"
    assert run("version").stdout == f"sunshine-keys {__version__}\n"


def test_the_demo_runs_to_its_end_and_shows_no_whole_secret(tmp_path: Path) -> None:
    import re

    result = subprocess.run(
        [sys.executable, "-m", "sunshine_keys", "demo"], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.rstrip().endswith("Done: issued, used and revoked.")
    assert not re.search("[A-Za-z0-9_-]{86}", result.stdout)
    assert list(tmp_path.iterdir()) == []


def test_without_the_server_extra_the_command_says_so() -> None:
    program = "import sys; sys.modules['typer'] = None; from sunshine_keys.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert failed(result) == "sunshine-keys: typer is missing; the command needs: pip install 'sunshine-keys[server]'"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full: run the tests on Linux")
@pytest.mark.parametrize(
    "command", ["audit", "audit verify", "audit --json", "seal status", "seal status --json", "--help"]
)
def test_an_output_error_is_one_line(tmp_path: Path, command: str) -> None:
    first_run(tmp_path)
    options = [] if command == "--help" else ["--data", str(tmp_path)]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "sunshine_keys", *command.split(), *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (result.returncode, result.stderr) == (1, "sunshine-keys: cannot print: No space left on device\n")
