"""Measures the client beside the official one and beside libraries for HTTP, interleaved in one run.

    python benchmarks/client.py [--rounds N] [--instructions] [--json FILE]

It prints the goals and a section of the page of benchmarks, as benchmarks/run.py measures it with `measure` and `section`. The
official client is the one that `make install` puts into an environment of its own. The other libraries are installed
into `comparators` beside it at the first run, from benchmarks/comparators/requirements.txt. `--instructions` counts those
of a call and of a decoded page as well (it needs valgrind): unlike times, they are the same on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from goals import Goal, Results, Spread, figure
from report import goals_table, table

import sunshine_conversations_client as sunshine
from sunshine_keys.testing import SunshineServer, sunshine_server

ROOT = Path(__file__).parent.parent
COMPARATORS = Path(__file__).parent / "comparators"
WORKER = COMPARATORS / "worker.py"
ENVIRONMENTS = Path(sys.prefix)

DEFAULT_ROUNDS = 5
BATCHES = 10
MESSAGES = 100
CALLS = {"get": 25, "get_limited": 25, "get_unlimited": 25, "get_threads": 25, "get_at_once": 50, "decode": 1}
"""How often a batch does a case. The order of the targets turns with each batch, so that none is always the first."""

COUNTED = {"get": 200, "get_limited": 200, "get_unlimited": 200, "decode": 10}
TITLES = {
    "get": "get a key, as shipped",
    "get_limited": "get a key, 5 s to connect and 30 s to read",
    "get_unlimited": "get a key, no limits",
    "get_threads": "get a key on 8 threads, as shipped",
    "get_at_once": "get a key, 50 at once",
    "decode": f"decode a page of {MESSAGES} messages",
}
NAMES = {"ours": "this client", "official": "the official client 17.0.1"}
START = {
    "import_ms": "import, ms",
    "cold_ms": "first answer of a cold process, ms",
    "cold_cpu_ms": "its CPU time, ms",
    "memory_mb": "its peak memory, MB",
}
CPU_GOAL, DECODING_GOAL = 0.95, 0.5
START_GOALS = {
    "import_ms": ("import", 0.01),
    "cold_ms": ("first answer of a cold process", 0.20),
    "cold_cpu_ms": ("first answer of a cold process: CPU", 0.20),
    "memory_mb": ("peak memory of a process after its first answer", 0.55),
}


class Target(NamedTuple):
    name: str
    python: str
    library: str


def targets() -> list[Target]:
    """Return the targets, and install those of other libraries if they are missing."""
    official = ENVIRONMENTS / "official-python" / "bin" / "python"
    if not official.exists():
        sys.exit(f"The official client is not in {official.parent.parent}. Run `make install` first.")
    others = str(comparators())
    return [
        Target("ours", sys.executable, "client"),
        Target("official", str(official), "client"),
        *(Target(name, others, name) for name in ("requests", "httpx", "aiohttp", "pydantic")),
    ]


def comparators() -> Path:
    """Return the Python of the other libraries' environment. It is created if the pinned versions have changed."""
    folder, pinned = ENVIRONMENTS / "comparators", COMPARATORS / "requirements.txt"
    python, installed = folder / "bin" / "python", folder / "installed"
    if not installed.exists() or installed.stat().st_mtime < pinned.stat().st_mtime:
        venv.create(folder, with_pip=False, clear=True, symlinks=True)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "--require-hashes", "-r", str(pinned)], check=True)
        installed.touch()
    return python


class Worker:
    """A process that does the cases of a target on demand."""

    def __init__(self, target: Target, environment: dict[str, str], wrapper: tuple[str, ...] = ()) -> None:
        command = [*wrapper, target.python, str(WORKER), target.library, "cases"]
        self.target = target.name
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.cases = self._line()

    def _line(self) -> list[str]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.target} ended:\n{self.process.communicate()[1]}")
        return line.split()

    def run(self, case: str, count: int) -> tuple[float, float]:
        """Do a case a number of times. Return the CPU time and the time that it took, in seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{case} {count}\n")
        self.process.stdin.flush()
        cpu, seconds = map(float, self._line())
        return cpu, seconds

    def close(self) -> str:
        """End the process. Return what it wrote to stderr."""
        return self.process.communicate()[1]


@contextlib.contextmanager
def workers(targets: list[Target], environment: dict[str, str]) -> Iterator[list[Worker]]:
    """Yield a new process for each target, which has done each of its cases a few times."""
    with contextlib.ExitStack() as stack:
        started = []
        for target in targets:
            worker = Worker(target, environment)
            stack.callback(worker.close)
            started.append(worker)
        for worker in started:
            for case in worker.cases:
                worker.run(case, CALLS[case])
        yield started


def measure(folder: Path, rounds: int, *, count: bool = False) -> Results:
    """Return the results of a run, as JSON can hold them; it writes nothing to `folder`.

    `samples` has a value for each round by case, target and metric; `start` has them by target and metric. With `count`,
    `instructions` has those of a case by target.
    """
    measured = targets()
    results: Results = {"rounds": rounds, "samples": {}, "start": {}}
    with service() as environment:
        for _ in range(rounds):
            for target in measured:
                if target.library in ("client", "requests", "httpx"):
                    for metric, value in start_of(target, environment).items():
                        results["start"].setdefault(target.name, {}).setdefault(metric, []).append(value)
            with workers(measured, environment) as started:
                sample(started, results["samples"])
        if count:
            results["instructions"] = instructions(measured[:2], environment)
    return results


def sample(started: list[Worker], samples: dict[str, Any]) -> None:
    """Do all cases of all targets in turn, and add a value for each to the samples."""
    for case, calls in CALLS.items():
        spent: dict[str, list[tuple[float, float]]] = {}
        able = [worker for worker in started if case in worker.cases]
        for batch in range(BATCHES):
            for worker in able[batch % len(able) :] + able[: batch % len(able)]:
                spent.setdefault(worker.target, []).append(worker.run(case, calls))
        for name, pairs in spent.items():
            cpu, seconds = (sum(part) / (BATCHES * calls) for part in zip(*pairs, strict=True))
            metrics = samples.setdefault(case, {}).setdefault(name, {"cpu_us": [], "per_second": []})
            metrics["cpu_us"].append(cpu * 1e6)
            metrics["per_second"].append(1 / seconds)


def start_of(target: Target, environment: dict[str, str]) -> dict[str, float]:
    """Return what the import and the first call of a new process take."""

    def output(task: str) -> list[float]:
        command = [target.python, str(WORKER), target.library, task]
        printed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        return [float(number) for number in printed.split()]

    (imported,) = output("import")
    started = time.perf_counter()
    memory, cpu = output("cold")
    cold = time.perf_counter() - started
    return {"import_ms": imported * 1e3, "cold_ms": cold * 1e3, "cold_cpu_ms": cpu * 1e3, "memory_mb": memory / 1024}


def instructions(counted: list[Target], environment: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return the instructions of a case by target. Those of the start and of the first calls do not count."""
    wrapper = ("valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null")
    numbers: dict[str, dict[str, float]] = {}
    for case, calls in COUNTED.items():
        for target in counted:
            worker = Worker(target, environment | {"PYTHONHASHSEED": "0"}, wrapper)
            worker.run(case, calls // 10)
            for switch, count in (("on", calls), ("off", 0)):
                command = ["callgrind_control", f"--instr={switch}", str(worker.process.pid)]
                subprocess.run(command, check=True, capture_output=True)
                if count:
                    worker.run(case, count)
            collected = re.findall(r"Collected : (\d+)", worker.close())
            numbers.setdefault(case, {})[target.name] = int(collected[-1]) / calls
    return numbers


@contextlib.contextmanager
def service() -> Iterator[dict[str, str]]:
    """Yield the environment of the workers, which leads to a service with a key, a conversation, and to the page to decode."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file, sunshine_server() as server:
        json.dump(page_of_messages(), file)
        file.flush()
        settings = {
            "URL": server.url, "KEY_ID": server.app_key.id, "SECRET": server.app_key.secret, "APP": server.app_id,
            "INTEGRATION": server.integration_id, "KEY": server.key.id, "CONVERSATION": new_conversation(server),
            "PAGE": file.name,
        }  # fmt: skip
        yield os.environ | {f"BENCHMARK_{name}": value for name, value in settings.items()}


def new_conversation(server: SunshineServer) -> str:
    """Create a conversation and return its id."""
    with server.client() as client:
        users, conversations = sunshine.UsersApi(client), sunshine.ConversationsApi(client)
        user = users.create_user(server.app_id, {"externalId": "ann"}).user
        assert user
        body = {"type": "personal", "participants": [{"userId": user.id}]}
        conversation = conversations.create_conversation(server.app_id, body).conversation
        assert conversation
        assert conversation.id
        return conversation.id


def page_of_messages() -> dict[str, Any]:
    """Return a page with as many messages of each kind of content, from the published examples.

    There is no published answer with a template or with the response to a form: these contents are the example of a post,
    and one with the fields of the published schema.
    """
    text = (ROOT / "api" / "openapi-17.12.1.facts.yaml").read_text()
    examples = yaml.safe_load(text)["components"]["examples"]
    kinds = ("text", "carousel", "file", "form", "image", "list", "location")
    messages = [message for kind in kinds for message in examples[f"{kind}-2"]["value"]["messages"]]
    field = {"type": "text", "name": "full_name", "label": "Your name?", "text": "Ann"}
    response = {"type": "formResponse", "fields": [field], "textFallback": "Your name?: Ann"}
    for content in (examples["whatsappTemplate"]["value"]["content"], response):
        messages.append(messages[0] | {"content": content})
    numbered = [messages[index % len(messages)] | {"id": f"{index:024x}"} for index in range(MESSAGES)]
    return {"messages": numbered, "meta": {"hasMore": True, "afterCursor": "YWZ0ZXI="}, "links": {"next": "/messages"}}


def ratios(results: Results, case: str, other: str, metric: str = "cpu_us") -> list[float]:
    """Return the ratios of this client's figures to another target's, round by round."""
    by_target = results["samples"][case]
    return [ours / theirs for ours, theirs in zip(by_target["ours"][metric], by_target[other][metric], strict=True)]


def goals(results: Results) -> list[Goal]:
    """Return the goals, each as a ratio of the official client's figure."""
    start = results["start"]
    bounds = [(f"{TITLES[case]}: CPU", CPU_GOAL, ratios(results, case, "official")) for case in ("get_limited", "get")]
    for metric, (title, bound) in START_GOALS.items():
        pairs = zip(start["ours"][metric], start["official"][metric], strict=True)
        bounds.append((title, bound, [ours / theirs for ours, theirs in pairs]))
    bounds.append((f"{TITLES['decode']}: CPU", DECODING_GOAL, ratios(results, "decode", "official")))
    listed = []
    for title, bound, values in bounds:
        spread = Spread.of(values)
        listed.append(
            Goal(f"client: {title}, of the official client's", f"≤ {bound:g}", spread, spread.median <= bound)
        )
    return listed


def section(results: Results) -> tuple[list[Goal], str]:
    """Return the goals and the section of the page of benchmarks."""
    rows = []
    for case, by_target in results["samples"].items():
        for name, metrics in by_target.items():
            ratio = "" if name == "ours" else Spread.of(ratios(results, case, name)).text()
            cells = [Spread.of(metrics[metric]).text() for metric in ("cpu_us", "per_second")]
            rows.append([TITLES[case], NAMES.get(name, name), *cells, ratio])
    start = [
        [NAMES.get(name, name), *(Spread.of(metrics[metric]).text() for metric in START)]
        for name, metrics in results["start"].items()
    ]
    text = _PREFACE + table(["", "", "CPU, µs", "per second", "CPU of this client, of that"], rows)
    text += table(["", *START.values()], start)
    if "instructions" in results:
        counts = [
            [TITLES[case], *(figure(by[name] / 1e3) for name in NAMES), figure(by["ours"] / by["official"])]
            for case, by in results["instructions"].items()
        ]
        text += "Instructions outside of the kernel, thousands:\n\n"
        text += table(["", *NAMES.values(), "ratio"], counts)
    return goals(results), text + _NOTES


_PREFACE = """## The client

The same call by each library, in processes of their own that take turns; the service is in a third process. Median
(min–max) of the rounds.

"""
_NOTES = """What the others leave to the caller:

- requests and httpx decode JSON into a dictionary. They have no models and no operations, do not repeat a failed call
  (nor decide whether it may be repeated), set no limit to the size of an answer and none to the whole time of a call; a
  server that sends a byte now and then holds them for ever. requests as shipped has no limits at all.
- aiohttp likewise, except that it limits the whole time of a call (to five minutes as shipped).
- The official client has models and operations. As shipped it has no limits of time and does not repeat a call.
- pydantic's models here reject a page as a whole if one message in it is of an unknown kind or has a value of another
  type. The client's keep such a message.

As shipped, this client limits each wait and the official client limits none. A socket with a limit costs a further system
call (`poll`) before each read and each write, so the ratio as shipped compares a call that ends with one that may never end. With the
same limits on both sides the ratio compares the clients.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--json", type=Path, help="a file for all values")
    options = parser.parse_args()
    results = measure(Path(), options.rounds, count=options.instructions)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    reached, text = section(results)
    print(goals_table(reached) + text)


if __name__ == "__main__":
    main()
