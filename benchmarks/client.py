"""Measures the client beside the official one, interleaved in one run; prints medians with their range, and ratios.

    python benchmarks/client.py [--rounds N] [--official VENV] [--instructions]

The official client (17.0.1) is installed into a virtual environment of its own; VENV names one that is there already.
Goals, as ratios of the official client's: import 0.01, first answer of a cold process (which posts a message) 0.20, CPU
per call 0.95, memory after the first call 0.55. `--instructions` counts those of a call as well (it needs valgrind):
unlike times, they are the same on a busy machine. The official client is not asynchronous: 50 tasks are held against its
8 threads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import sunshine_conversations_client as sunshine
from sunshine_keys.testing import SunshineServer, sunshine_server

OFFICIAL = "sunshine-conversations-client==17.0.1"
IMPORT = """
import time
started = time.perf_counter()
import sunshine_conversations_client
print(time.perf_counter() - started)
"""
CLIENT = """
import os, resource, sys, time
{early}
import sunshine_conversations_client as s
configuration = s.Configuration(host=os.environ["URL"], username=os.environ["KEY_ID"], password=os.environ["SECRET"])
api = s.CustomIntegrationApiKeysApi(s.ApiClient(configuration))
def call():
    return api.get_custom_integration_key(os.environ["APP"], os.environ["INTEGRATION"], os.environ["KEY"])
assert call().key.secret
"""
COLD = """
import os, resource
import sunshine_conversations_client as s
configuration = s.Configuration(host=os.environ["URL"], username=os.environ["KEY_ID"], password=os.environ["SECRET"])
post = s.MessagePost(author=s.Author(type="business"), content=s.Content(s.TextMessage(type="text", text="Hello")))
answer = s.MessagesApi(s.ApiClient(configuration)).post_message(os.environ["APP"], os.environ["CONVERSATION"], post)
assert answer.messages[0].id
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
MEASURED = """
started, cpu = time.perf_counter(), time.process_time()
{calls}
print((time.process_time() - cpu) / 500, 500 / (time.perf_counter() - started))
"""
CALLS = CLIENT.format(early="") + "for _ in range(50): call()" + MEASURED.format(calls="for _ in range(500): call()")
THREADS = (
    CLIENT.format(early="from concurrent.futures import ThreadPoolExecutor")
    + "pool = ThreadPoolExecutor(8)\nlist(pool.map(lambda _: call(), range(50)))"
    + MEASURED.format(calls="list(pool.map(lambda _: call(), range(500)))")
)
TASKS = CLIENT.format(early="import asyncio\nfrom sunshine_conversations_client import aio") + (
    """
async def main():
    async with aio.ApiClient(configuration) as client:
        keys, left = aio.CustomIntegrationApiKeysApi(client), iter(range(550))
        async def calls(until):
            for each in left:
                await keys.get_custom_integration_key(os.environ["APP"], os.environ["INTEGRATION"], os.environ["KEY"])
                if each >= until:
                    break
        await asyncio.gather(*(calls(0) for _ in range(50)))
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(calls(550) for _ in range(50)))
        print((time.process_time() - cpu) / 500, 500 / (time.perf_counter() - started))
asyncio.run(main())
"""
)
COUNTED = CLIENT.format(early="") + "for _ in range(int(sys.argv[1])): call()"
TIMED = """
import subprocess, sys, time
started = time.perf_counter()
printed = subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stdout
print(time.perf_counter() - started, printed)
"""


def run(python: str, program: str, environment: dict[str, str]) -> list[float]:
    command = [python, "-c", program]
    if program is COLD:  # its output follows the time of the whole process
        command = [sys.executable, "-c", TIMED, *command]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [float(line) for line in result.stdout.split()]


def instructions(python: str, environment: dict[str, str]) -> float:
    """Return the cost of one call: the difference between 220 and 20 calls, so that the start of a process does not count."""
    counts = []
    for calls in (20, 220):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", python, "-c", COUNTED, str(calls)]
        result = subprocess.run(
            command, env=environment | {"PYTHONHASHSEED": "0"}, check=True, capture_output=True, text=True
        )
        counts.append(int(result.stderr.rpartition("Collected : ")[2].split()[0]))
    return (counts[1] - counts[0]) / 200


def new_conversation(server: SunshineServer) -> str:
    """Create a conversation and return its id."""
    with server.client() as client:
        users, conversations = sunshine.UsersApi(client), sunshine.ConversationsApi(client)
        user = users.create_user(server.app_id, {"externalId": "ann"}).user
        body = {"type": "personal", "participants": [{"userId": user.id}]}
        identifier: str = conversations.create_conversation(server.app_id, body).conversation.id
    return identifier


def measure(
    rounds: int, pythons: dict[str, str], server: SunshineServer, *, count: bool
) -> dict[str, dict[str, list[float]]]:
    environment = os.environ | {
        "URL": server.url, "KEY_ID": server.app_key.id, "SECRET": server.app_key.secret, "APP": server.app_id,
        "INTEGRATION": server.integration_id, "KEY": server.key.id, "CONVERSATION": new_conversation(server),
    }  # fmt: skip
    samples: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, python in pythons.items():
            (imported,) = run(python, IMPORT, environment)
            cold, memory = run(python, COLD, environment)
            cpu, sequential = run(python, CALLS, environment)
            cpu_threads, concurrent = run(python, THREADS, environment)
            cpu_tasks, tasks = run(python, TASKS, environment) if name == "ours" else (cpu_threads, concurrent)
            for metric, value in {
                "import, ms": imported * 1e3, "first answer of a cold process, ms": cold * 1e3, "peak memory after it, MB": memory / 1024,
                "CPU per call, µs": cpu * 1e6, "CPU per call, 8 threads, µs": cpu_threads * 1e6, "CPU per call, 50 tasks, µs": cpu_tasks * 1e6,
                "calls/s, sequential": sequential, "calls/s, 8 threads": concurrent, "calls/s, 50 tasks": tasks,
            }.items():  # fmt: skip
                samples.setdefault(metric, {}).setdefault(name, []).append(value)
    if count:
        counted = {name: [instructions(python, environment) / 1e3] for name, python in pythons.items()}
        samples["instructions per call, thousands"] = counted
    return samples


def shown(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def installed(folder: Path) -> str:
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", OFFICIAL], check=True)
    return str(python)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sunshine_server() as server:
        official = installed(options.official or Path(temporary) / "official")
        samples = measure(
            options.rounds, {"ours": sys.executable, "official": official}, server, count=options.instructions
        )
    medians = {
        metric: {name: statistics.median(values) for name, values in by_client.items()}
        for metric, by_client in samples.items()
    }
    if options.json:
        print(json.dumps(medians, indent=2, ensure_ascii=False))
        return
    print("| | ours | official 17.0.1 | ratio |\n|---|---|---|---|")
    for metric, by_client in samples.items():
        cells = [
            f"{shown(statistics.median(v))} ({shown(min(v))} to {shown(max(v))})"
            for v in (by_client["ours"], by_client["official"])
        ]
        print(f"| {metric} | {' | '.join(cells)} | {medians[metric]['ours'] / medians[metric]['official']:.3f} |")


if __name__ == "__main__":
    main()
