"""`make bench-postgres`: the service on PostgreSQL beside the same on SQLite, two nodes beside one, creates and lists
beside bare asyncpg, and how long a DELETE takes when a node is well, stopped, or gets no notifications.

    python benchmarks/postgres.py [--rounds N] [--seconds N] [--page FILE]

Everything except the DELETEs takes turns in one run, of less than five minutes. It needs wrk, two cores, and the PostgreSQL of the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import bare
import targets
from cases import Case, cases, create, credentials
from deletes import deletes
from fill import Filled, fill
from load import CORES, LOAD_CORE, SERVER_CORE, require_tools, wrk
from postgres_page import TITLES, VERIFY, Samples, page

from sunshine_keys.settings import STORE_FILE

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.pg_proxy import Proxy  # noqa: E402 - it is found on the path above
from support.postgres import running as running_postgres  # noqa: E402

BOTH = (SERVER_CORE, LOAD_CORE)
PER_ROUND = 500


class Database:
    """PostgreSQL, with one copy of the SQLite store to serve and one to query without the service."""

    def __init__(self, server: Any, data: Path) -> None:
        self._server = server
        self.url, self.bare_url = server.url("served"), server.url("bare")
        self._postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        server.execute("CREATE DATABASE served")
        copy = ["copy", "--from", f"sqlite:///{data / STORE_FILE}", "--to", self.url]
        subprocess.run([sys.executable, "-m", "sunshine_keys", *copy], check=True, stdout=subprocess.DEVNULL)
        server.execute("VACUUM ANALYZE", "served")
        server.execute("CREATE DATABASE bare TEMPLATE served")

    def bytes_per_row(self, name: str) -> float:
        """Return the bytes per row of a table, with its indexes."""
        ((size,),) = self._server.execute(
            f"SELECT pg_total_relation_size('{name}')::float8 / count(*) FROM {name}", "served"
        )
        return float(size)

    def pin(self, cores: Iterable[int]) -> None:
        for process in targets.family(self._postmaster):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(process, set(cores))

    def cpu_seconds(self) -> float:
        return targets.cpu_seconds(targets.family(self._postmaster))


def cases_of(folder: Path, filled: Filled) -> list[Case]:
    chosen = [case for case in cases(folder, filled, 1) if case.name in TITLES]
    for name, of in zip(VERIFY, ("get_basic", "get_same_token"), strict=True):
        path, authorization = next(case for case in chosen if case.name == of).first().split("\t")[1:3]
        (folder / name).write_text(f"POST\t{path.rpartition('/')[0]}\t{authorization}\t{{}}\n")
        chosen.append(Case(name, folder / name, 400))
    return chosen


def measure(folder: Path, filled: Filled, database: Database, rounds: int, seconds: int, samples: Samples) -> None:
    """Measure each case on SQLite and on PostgreSQL in turn, and the bare statements."""
    all_cases, created = cases_of(folder, filled), {"sqlite": 0, "postgres": 0}
    owners, full = filled.empty_owners(), [filled.owner(number) for number in range(filled.full)]
    with (
        targets.service(filled.data, name="sqlite") as sqlite,
        targets.service(filled.data, name="postgres", database=database.url) as postgres,
    ):
        for number in range(-1, rounds):  # the first round warms up
            round_samples = samples if number >= 0 else Samples()
            database.pin([LOAD_CORE])
            for case in all_cases:
                for target in (sqlite, postgres):
                    first = created[target.name] if case.writes else 0
                    before, theirs = target.cpu_seconds(), database.cpu_seconds()
                    load = wrk(
                        target.url, case.requests, connections=case.connections, seconds=seconds, status=case.status, first=first
                    )  # fmt: skip
                    created[target.name] += load.sent if case.writes else 0
                    name, count = f"{case.name} {target.name}", load.requests / 1e6
                    round_samples.add(f"{name} rate", load.per_second)
                    round_samples.add(f"{name} cpu", (target.cpu_seconds() - before) / count)
                    round_samples.add(f"{name} database", (database.cpu_seconds() - theirs) / count)
                    round_samples.add(f"{name} p50", load.p50)
            for name, bare_result in (
                ("list", bare.lists(database.bare_url, full, 4 * PER_ROUND)),
                ("create_1", bare.creates(database.bare_url, owners, PER_ROUND, group=1)),
                ("create_32", bare.creates(database.bare_url, owners, 2 * PER_ROUND, group=32)),
            ):
                round_samples.add(f"{name} bare", bare_result.elapsed)
                round_samples.add(f"{name} bare cpu", bare_result.cpu)


def measure_nodes(
    folder: Path, filled: Filled, database: Database, rounds: int, seconds: int, samples: Samples
) -> None:
    """Measure one node, its load and PostgreSQL on one core; then two nodes, two loads and PostgreSQL on two cores."""
    chosen = [case for case in cases_of(folder, filled) if case.name in ("verify_basic", "get_basic")]
    with (
        ProcessPoolExecutor(2) as pool,
        targets.service(filled.data, name="one", cores=[SERVER_CORE], database=database.url) as first_node,
        targets.service(filled.data, name="two", cores=[LOAD_CORE], database=database.url) as second_node,
    ):
        for number in range(-1, rounds):
            round_samples = samples if number >= 0 else Samples()
            for case in chosen:
                for nodes, name in (([first_node], "one"), ([first_node, second_node], "two")):
                    database.pin(BOTH[: len(nodes)])
                    before = sum(node.cpu_seconds() for node in nodes)
                    loads = [
                        pool.submit(
                            wrk, node.url, case.requests, connections=32, seconds=seconds, status=case.status, cores=(core,)
                        )
                        for node, core in zip(nodes, BOTH, strict=False)
                    ]  # fmt: skip
                    done = [load.result() for load in loads]
                    cpu = sum(node.cpu_seconds() for node in nodes) - before
                    round_samples.add(f"{case.name} {name} rate", sum(load.per_second for load in done))
                    round_samples.add(f"{case.name} {name} cpu", cpu / sum(load.requests for load in done) * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks" / "postgres.md")
    options = parser.parse_args()
    require_tools()
    samples = Samples()
    running = running_postgres("shared_buffers=128MB", "max_connections=100")
    with tempfile.TemporaryDirectory() as temporary, running as server:
        folder = Path(temporary)
        filled = fill(folder / "data", 1000, 8000)
        database = Database(server, filled.data)
        measure(folder, filled, database, options.rounds, options.seconds, samples)
        measure_nodes(folder, filled, database, options.rounds, options.seconds, samples)
        for name in ("keys", "audit"):
            samples.add(f"{name} bytes", database.bytes_per_row(name))
        owner = filled.empty_owners()[-1]
        database.pin(CORES)
        create_request = create(owner, credentials(filled, [owner])[owner.app_id])
        waits = deletes(filled.data, database.url, create_request, Proxy, 15 * options.rounds)
    options.page.write_text(page(samples, waits, options.rounds, options.seconds))
    print(options.page.read_text())


if __name__ == "__main__":
    main()
