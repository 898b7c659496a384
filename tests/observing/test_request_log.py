"""The log has one line for each request, whatever its result."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.commands import run
from support.servers import Server
from support.wire import Key, Wire, first_run

from sunshine_keys.observing.logs import Log, LogFormat, LogLevel
from sunshine_keys.observing.request_log import as_text, line_of
from sunshine_keys.wire.outcome import Outcome
from sunshine_keys.wire.request import Request

KEYS = "/v2/apps/{appId}/integrations/{integrationId}/keys"


class Logged:
    """A store, and the log that its server writes to standard error."""

    def __init__(self, folder: Path) -> None:
        sample = first_run(folder / "data", sample=True)
        self.data, self.file = folder / "data", folder / "log"
        self.app_key, self.key = Key.of(sample["app_key"]), Key.of(sample["key"])
        self.keys = f"/v2/apps/{sample['app']['id']}/integrations/{sample['integration']['id']}/keys"

    def entries(self, has: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait until `has` accepts the log's whole lines, and return them. A line is written after its answer."""
        deadline = time.monotonic() + 30
        while not has(entries := [json.loads(line) for line in self.file.read_text().split("\n")[:-1]]):
            assert time.monotonic() < deadline, entries
            time.sleep(0.01)
        return entries

    def of_request(self, request_id: str) -> Any:
        def matching(entries: list[Any]) -> list[Any]:
            return [entry for entry in entries if entry.get("request_id") == request_id]

        (entry,) = matching(self.entries(lambda entries: bool(matching(entries))))
        return entry


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


def request(wire: Wire, *arguments: Any) -> str:
    return wire.send(*arguments).headers["x-request-id"]


def test_a_request_is_one_line_of_json(logged: Logged) -> None:
    with Server(logged.data, "--log-format", "json", log=logged.file) as server:
        entry = logged.of_request(request(server.wire, "GET", f"{logged.keys}?secret=x", logged.app_key))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
        assert entry.pop("duration") > 0
        del entry["request_id"]
        assert entry == {
            "level": "info",
            "logger": "sunshine_keys.request",
            "message": "request",
            "method": "GET",
            "route": KEYS,
            "status": 200,
            "source": "127.0.0.1",
            "key": logged.app_key.id,
        }


def test_a_refused_request_is_logged_without_its_path_and_claimed_key(logged: Logged) -> None:
    with Server(logged.data, "--log-format", "json", log=logged.file) as server:
        nowhere = logged.of_request(request(server.wire, "GET", "/v2/never-told"))
        assert (nowhere["status"], nowhere["error"], nowhere.get("route")) == (404, "not_found", None)
        refused = logged.of_request(request(server.wire, "GET", logged.keys, Key(logged.app_key.id, "never-told")))
        assert (refused["status"], refused["error"], refused["route"]) == (401, "unauthorized", KEYS)
        assert "key" not in refused
        forbidden = logged.of_request(request(server.wire, "GET", logged.keys, logged.key))
        assert (forbidden["status"], forbidden["key"]) == (403, logged.key.id)
    assert "never-told" not in logged.file.read_text()


def test_all_workers_log_in_the_same_way(logged: Logged) -> None:
    with Server(logged.data, "--log-format", "json", "--workers", "2", log=logged.file) as server:
        for _ in range(20):
            assert logged.of_request(request(server.wire, "GET", logged.keys, logged.app_key))["status"] == 200


def test_the_text_format_is_one_line(logged: Logged) -> None:
    with Server(logged.data, log=logged.file) as server:
        answer = request(server.wire, "GET", logged.keys, logged.app_key)
        deadline = time.monotonic() + 30
        while answer not in (text := logged.file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert re.fullmatch(
        rf"\S+Z INFO sunshine_keys\.request: GET {re.escape(KEYS)} 200 [0-9.]+ms "
        rf"key={logged.app_key.id} source=127\.0\.0\.1 id={answer}\n",
        text,
    )


def test_probes_are_logged_at_level_debug_only(logged: Logged) -> None:
    with Server(logged.data, "--log-format", "json", log=logged.file) as server:
        probe = request(server.wire, "GET", "/readyz")
        logged.of_request(request(server.wire, "GET", "/nowhere"))
        assert probe not in logged.file.read_text()
    with Server(logged.data, "--log-format", "json", "--log-level", "debug", log=logged.file) as server:
        assert logged.of_request(request(server.wire, "GET", "/readyz"))["level"] == "debug"


def test_level_warning_logs_only_failures(logged: Logged) -> None:
    failing = (
        "from sunshine_keys.keys import operations as keys\ndef fail(*_): raise RuntimeError('x')\nkeys.key_view = fail"
    )
    options = ("--log-format", "json", "--log-level", "warning")
    with Server(logged.data, *options, log=logged.file, patch=failing) as server:
        quiet = request(server.wire, "GET", "/nowhere")
        failed_id = request(server.wire, "GET", logged.keys, logged.app_key)
        entry = logged.of_request(failed_id)
        assert (entry["status"], entry["level"], entry["error"]) == (500, "error", "internal_server_error")
        assert quiet not in logged.file.read_text()
        others = logged.entries(lambda entries: any(entry["logger"] == "sunshine_keys.http" for entry in entries))
        (failure,) = (entry for entry in others if entry["logger"] == "sunshine_keys.http")
        assert "failed with RuntimeError" in failure["message"]


def test_a_forwarded_address_cannot_add_a_line() -> None:
    scope = {"method": "GET", "raw_path": b"/", "headers": [], "client": ("1.2.3.4\n" + "x" * 100, 1)}
    line = as_text(line_of(Outcome(Request(scope, None, "id"), 404, "not_found", False, 0.0, 0.0)))  # type: ignore[arg-type]
    assert b"\n" not in line
    assert b"source=1.2.3.4?xxx" in line
    assert len(line) < 250


def test_an_unknown_format_or_level_is_refused() -> None:
    for option, value in (("--log-format", "xml"), ("--log-level", "loud")):
        result = run("serve", option, value)
        assert result.returncode == 2
        assert option in result.stderr


def test_a_full_log_file_fails_no_request(logged: Logged) -> None:
    with Server(logged.data, log=Path("/dev/full")) as server:
        assert server.wire.get(logged.keys, logged.app_key).status == 200
        assert server.wire.get(logged.keys, logged.app_key).status == 200


@pytest.mark.parametrize("log", [Log(), Log(LogFormat.JSON, LogLevel.ERROR)])
def test_workers_log_as_their_supervisor_does(log: Log) -> None:
    assert Log.from_environment(log.environment()) == log
