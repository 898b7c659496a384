"""Measures the client beside the official one, interleaved in one run; prints medians with their range, and ratios.

    python benchmarks/client.py [--rounds N] [--official VENV]

The official client (17.0.1) is installed into a virtual environment of its own; VENV names one that is there already.
Goals, as ratios of the official client's: import 0.02, first answer of a cold process 0.20, CPU per call 0.70, memory
after the first call 0.60.
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
COLD = CLIENT.format(early="") + "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
CALLS = (
    CLIENT.format(early="")
    + """
for _ in range(50):
    call()
started, cpu = time.perf_counter(), time.process_time()
for _ in range(500):
    call()
print((time.process_time() - cpu) / 500, (time.perf_counter() - started) / 500)
"""
)
TIMED = """
import subprocess, sys, time
started = time.perf_counter()
printed = subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stdout
print(time.perf_counter() - started, printed)
"""
THREADS = (
    CLIENT.format(early="from concurrent.futures import ThreadPoolExecutor")
    + """
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda _: call(), range(50)))
    started = time.perf_counter()
    list(pool.map(lambda _: call(), range(500)))
    print((time.perf_counter() - started) / 500)
"""
)


def run(python: str, program: str, environment: dict[str, str]) -> list[float]:
    command = [python, "-c", program]
    if program is COLD:  # with the time of the whole process before what it prints
        command = [sys.executable, "-c", TIMED, *command]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [float(each) for each in result.stdout.split()]


def measure(rounds: int, pythons: dict[str, str], server: SunshineServer) -> dict[str, dict[str, list[float]]]:
    environment = os.environ | {
        "URL": server.url, "KEY_ID": server.app_key.id, "SECRET": server.app_key.secret, "APP": server.app_id,
        "INTEGRATION": server.integration_id, "KEY": server.key.id,
    }  # fmt: skip
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, python in pythons.items():
            (imported,) = run(python, IMPORT, environment)
            cold, memory = run(python, COLD, environment)
            cpu, sequential = run(python, CALLS, environment)
            (concurrent,) = run(python, THREADS, environment)
            for metric, value in {
                "import, ms": imported * 1e3, "first answer of a cold process, ms": cold * 1e3, "peak memory after it, MB": memory / 1024,
                "CPU per call, µs": cpu * 1e6, "a call, sequential, µs": sequential * 1e6, "a call, 8 threads, µs": concurrent * 1e6,
            }.items():  # fmt: skip
                found.setdefault(metric, {}).setdefault(name, []).append(value)
    return found


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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sunshine_server() as server:
        official = installed(options.official or Path(temporary) / "official")
        found = measure(options.rounds, {"ours": sys.executable, "official": official}, server)
    medians = {
        metric: {name: statistics.median(values) for name, values in each.items()} for metric, each in found.items()
    }
    if options.json:
        print(json.dumps(medians, indent=2, ensure_ascii=False))
        return
    print("| | ours | official 17.0.1 | ratio |\n|---|---|---|---|")
    for metric, each in found.items():
        cells = [f"{statistics.median(v):.3g} ({min(v):.3g} to {max(v):.3g})" for v in (each["ours"], each["official"])]
        print(f"| {metric} | {' | '.join(cells)} | {medians[metric]['ours'] / medians[metric]['official']:.3f} |")


if __name__ == "__main__":
    main()
