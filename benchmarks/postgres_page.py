"""The results of the benchmark on PostgreSQL, and the page that shows them."""

from __future__ import annotations

from goals import Goal, Spread, figure
from report import goals_table, machine, table

VERIFY = {"verify_basic": "verify, Basic", "verify_token": "verify, the same token again"}
READS = {"get_basic": "get a key, Basic", "get_same_token": "get a key, the same token again", "list": "list 10 keys"}
BARE_GOAL = 1.0
"""The creates per second of one node at 32 connections, of those of a loop over bare asyncpg."""

TITLES = {**VERIFY, **READS, "create_1": "create, 1 connection", "create_32": "create, 32 connections"}
_PREFACE = """# Benchmarks on PostgreSQL

What `make bench-postgres` measured: **ratios matter, absolute figures do not**. All but the DELETEs takes turns in one run, on a machine
that had other work as well; a ratio is the median of the rounds' own ratios, with their range. The nodes, wrk and
PostgreSQL (18, durable, as it comes but for its `shared_buffers`) share two cores; a node is pinned to one, PostgreSQL and wrk to the other.

*Verify* is a create whose body is refused with 400: its credentials are verified and its scope is checked before, and
nothing is read from the database but what verifying may take. CPU is user and system, of the node's process alone or of
PostgreSQL's.

"""


class Samples:
    """Figures by name, one per round."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        return Spread.of(self.values[name]).text() if name in self.values else ""

    def ratio(self, name: str, other: str, factor: float = 1) -> str:
        pairs = zip(self.values[name], self.values[other], strict=True)
        return Spread.of([factor * ours / theirs for ours, theirs in pairs]).text()


def goals(samples: Samples) -> list[Goal]:
    """Return the goals for which there are samples."""
    nodes, bare = samples.values["create_32 postgres rate"], samples.values["create_32 bare"]
    ratios = [rate * elapsed / 1e6 for rate, elapsed in zip(nodes, bare, strict=True)]
    return [Goal.at_least("creates per second by one node, of bare asyncpg with group commit", BARE_GOAL, ratios)]


def page(samples: Samples, waits: dict[str, list[float]], rounds: int, seconds: int) -> str:
    on = [
        [title, samples.text(f"{case} sqlite cpu"), samples.text(f"{case} postgres cpu"),
         samples.ratio(f"{case} postgres cpu", f"{case} sqlite cpu"), samples.text(f"{case} postgres database"),
         samples.text(f"{case} sqlite rate"), samples.text(f"{case} postgres rate")]
        for case, title in TITLES.items()
    ]  # fmt: skip
    nodes = [
        [TITLES[case], samples.text(f"{case} one rate"), samples.text(f"{case} two rate"),
         samples.ratio(f"{case} two rate", f"{case} one rate"), samples.ratio(f"{case} one cpu", f"{case} two cpu", 2)]
        for case in ("verify_basic", "get_basic")
    ]  # fmt: skip
    beside = [
        [TITLES[case], samples.text(f"{case} bare"), samples.text(f"{case} bare cpu"),
         samples.text(f"{case} postgres cpu"), samples.ratio(f"{case} postgres cpu", f"{case} bare cpu")]
        for case in ("list", "create_1", "create_32")
    ]  # fmt: skip
    waited = [[name, str(len(values)), Spread.of(values).text(), figure(sorted(values)[int(len(values) * 0.99)])]
              for name, values in waits.items()]  # fmt: skip
    return "".join((
        _PREFACE, f"{machine()}. {rounds} rounds of {seconds} s for each figure; median (min–max).\n\n",
        "## Goals\n\n", goals_table(goals(samples)),
        "## One node on PostgreSQL beside SQLite\n\nGoal: verifying takes at most 1.3 times the CPU.\n\n",
        table(["", "CPU on SQLite, µs", "CPU on PostgreSQL, µs", "ratio", "PostgreSQL's own CPU, µs", "requests/s, SQLite", "requests/s, PostgreSQL"], on),
        "## Two nodes on two cores beside one on one\n\nGoal: 1.6 times. A node shares its core with its load, and PostgreSQL runs on the same one core, or the same two. By CPU: twice\nthe CPU of a request with one node, over that with two, which is what the nodes cost each other when neither waits for a core.\n\n",
        table(["", "requests/s, one node", "requests/s, two nodes", "ratio", "ratio by the nodes' CPU"], nodes),
        ("## Beside bare asyncpg\n\nA loop that does nothing else: the same read, or the same inserts of a key and of its entry of the trail, one by one and without any\n"
        "check; 32 creates to a transaction in the last line.\n\n"),
        table(["", "bare, µs each", "bare CPU, µs", "the node's CPU, µs", "ratio of CPU"], beside),
        "## DELETE among nodes\n\nMilliseconds. [Revocation](../revocation.md) has the bounds: half a second where another node hears nothing, 2.2 seconds where a node\nis stopped or the answering one hears nothing.\n\n",
        table(["", "samples", "median (min–max)", "p99"], waited),
        ("## Room\n\nBytes of PostgreSQL for each row, indexes included: "
        f"{samples.text('keys bytes')} for a key, {samples.text('audit bytes')} for an entry of the audit trail.\n"),
    )).rstrip() + "\n"  # fmt: skip
