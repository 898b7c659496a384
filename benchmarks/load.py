"""The load: wrk on a core of its own, and its report."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).with_name("wrk.lua")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


class Request(NamedTuple):
    path: str
    authorization: str
    method: str = "GET"
    body: str = ""


class Measured(NamedTuple):
    """Times in microseconds."""

    requests: int
    sent: int
    per_second: float
    p50: float
    p90: float
    p99: float


def require_tools() -> None:
    """Raises SystemExit that names the missing tool."""
    if shutil.which("wrk") is None:
        raise SystemExit("the benchmark needs wrk (Debian: apt-get install wrk), which is not installed")
    if len(CORES) < 2:
        raise SystemExit("the benchmark needs two cores: one to serve, one to load")


@contextlib.contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """Run the block, with what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def write_requests(file: Path, requests: Iterable[Request]) -> Path:
    file.write_text(
        "".join(f"{request.method}\t{request.path}\t{request.authorization}\t{request.body}\n" for request in requests)
    )
    return file


def wrk(
    url: str,
    requests: Path,
    *,
    connections: int,
    seconds: int,
    status: int = 200,
    first: int = 0,
    think_ms: float = 0,
    limit: int = 0,
    threads: int = 1,
    cores: Iterable[int] = (LOAD_CORE,),
) -> Measured:
    """Send the requests of a file in order, from number `first` on, at most `limit` of them if it is set.

    Raises RuntimeError where an answer was not of the kind that `status` is, or was missing.
    """
    pinned = set(cores)
    arguments = [str(requests), str(first), str(think_ms), str(limit)]
    command = [
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(SCRIPT),
        url,
        "--",
        *arguments,
    ]
    result = subprocess.run(
        command,
        check=False, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, pinned),
    )  # fmt: skip
    try:
        report = json.loads(result.stdout.strip().rpartition("\n")[2])
    except json.JSONDecodeError:
        raise RuntimeError(f"wrk failed: {result.stdout}{result.stderr}") from None
    refused = report["refused"] if status < 400 else report["requests"] - report["refused"]
    if report["broken"] or refused or not report["requests"] or (limit and report["requests"] < limit):
        raise RuntimeError(f"answers that were not expected from {url} for {requests.name}: {report}")
    rate = report["requests"] / report["seconds"]
    return Measured(report["requests"], report["sent"], rate, report["p50"], report["p90"], report["p99"])
