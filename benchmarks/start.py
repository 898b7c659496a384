"""The section on the start of `dev`: seconds until its service is ready, and until a bot has answered a person.

The bot runs in this process, so that the figures are those of the service.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from goals import Goal
from report import figures_table

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import webhooks

READY = "Ctrl-C stops it."


class Times(NamedTuple):
    """Seconds since the command began: wall time, and at `ready` also the CPU time of its process."""

    ready: float
    cpu: float
    answered: float


class Bot(BaseHTTPRequestHandler):
    """Repeats what a person says. `dev` writes the variables before it is ready."""

    file: Path
    answered = threading.Event()

    @classmethod
    def variables(cls) -> dict[str, str]:
        return dict(line.split("=", 1) for line in cls.file.read_text().splitlines()[1:])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        variables = self.variables()
        for event in webhooks.parse(self.headers, body, variables["WEBHOOK_SECRET"]).events:
            if event.type == "conversation:message" and event.payload.message.author.type == "user":
                text = event.payload.message.content.text
                post: Any = {"author": {"type": "business"}, "content": {"type": "text", "text": text}}
                with client_of(variables) as client:
                    sunshine.MessagesApi(client).post_message(variables["APP_ID"], event.payload.conversation.id, post)
                self.answered.set()
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def client_of(variables: dict[str, str]) -> sunshine.ApiClient:
    host = variables["SUNSHINE_CONVERSATIONS_HOST"]
    return sunshine.ApiClient(sunshine.Configuration(host=host, key_id=variables["KEY_ID"], secret=variables["SECRET"]))


def measured(folder: Path) -> Times:
    """Start `dev` once, say something to its bot, and stop it."""
    Bot.file, target = folder / "bot.env", ThreadingHTTPServer(("127.0.0.1", 0), Bot)
    Bot.answered.clear()
    threading.Thread(target=target.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{target.server_port}/"
    options = ["--port", "0", "--data", str(folder), "--env", str(Bot.file), "--forward-to", url]
    command = [sys.executable, "-m", "sunshine_keys", "dev", *options]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"XDG_CONFIG_HOME": str(folder)}
    )
    assert process.stdout is not None
    while READY not in process.stdout.readline():
        assert process.poll() is None
    ready, cpu = time.perf_counter() - began, cpu_seconds(process.pid)
    place = json.loads((folder / "dev.json").read_text())
    with client_of(
        Bot.variables() | {"KEY_ID": place["app_key"]["id"], "SECRET": place["app_key"]["secret"]}
    ) as client:
        talk(client, place["app_id"])
    assert Bot.answered.wait(30)
    answered = time.perf_counter() - began
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    target.shutdown()
    target.server_close()
    return Times(ready, cpu, answered)


def talk(client: sunshine.ApiClient, app_id: str) -> None:
    """Say something as a new person, with the requests of the simulator."""
    path = f"/simulator/v1/apps/{app_id}/conversations"
    begun = simulate(client, path, {})
    content = {"content": {"type": "text", "text": "Hello"}}
    simulate(client, f"{path}/{begun['conversation']['id']}/messages", content)


def simulate(client: sunshine.ApiClient, path: str, body: Any) -> Any:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    request = client.param_serialize("POST", path, {}, {}, headers, body, auth_settings=["basicAuth"])
    return client.response_deserialize(client.call_api(*request), {"2XX": "object"}).data


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    samples: list[Times] = []
    for number in range(rounds + 1):
        (folder / str(number)).mkdir()
        samples.append(measured(folder / str(number)))
    del samples[0]  # it reads the files from the disk
    columns = zip(*samples, strict=True)
    return {
        "rounds": rounds,
        "samples": {name: list(values) for name, values in zip(Times._fields, columns, strict=True)},
    }


def section(results: dict[str, Any]) -> tuple[list[Goal], str]:
    return [], (
        f"## Start of `dev`\n\n{results['rounds']} starts. Seconds from the command until the service is ready, the CPU time of its "
        "process until then,\nand seconds until a bot has answered the first message.\n\n"
        + figures_table(results["samples"])
    )
