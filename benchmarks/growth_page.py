"""Calculates the tables of docs/growth.md from the costs in its first table.

    python benchmarks/growth_page.py [--measured]

With --measured it first replaces those costs by the results in docs/benchmarks. Without it, edit a cost in the page and run
this. `rates`, `keys`, `requests` and `messages` are the formulas.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from goals import Results, Spread
from report import table

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "growth.md"
AMOUNTS = {"10 thousand": 10**4, "10 million": 10**7, "10 billion": 10**10}
DAY, YEAR = 86_400, 365
PEAK = 4
"""A peak, of the mean."""

READS = 0.1
"""The share of requests that get or list beside verifying."""

PER_CONVERSATION, LISTS, WRITES, RETENTION = 20, 0.2, 2, 90
"""Messages of a conversation; lists and changes per message (its own, and the result of its delivery); days."""

Costs = dict[str, float]
_ROW = re.compile(r"^\| `(?P<name>\w+)` \|(?P<what>[^|]*)\| (?P<value>[\d.]+) \|(?P<rest>.*)$", re.MULTILINE)


def costs(page: str) -> Costs:
    """Return the costs in the page's first table by their names: microseconds, bytes, rates a second, or milliseconds."""
    return {row["name"]: float(row["value"]) for row in _ROW.finditer(page)}


def measured(results: Results, postgres: str) -> Costs:
    """Return the costs that the results and the page on PostgreSQL have. Print the names of those that they lack."""
    measured_costs: Costs = {}
    for name, read in _sources(results, postgres).items():
        try:
            measured_costs[name] = read()
        except (LookupError, ValueError):
            print(f"{name} stays as it is: it was not measured")
    return measured_costs


def _sources(results: Results, postgres: str) -> dict[str, Callable[[], float]]:
    def cell(row: str, column: int) -> float:
        line = next((line for line in postgres.splitlines() if line.startswith(f"| {row} |")), "")
        return float(line.split("|")[column + 1].split("(")[0].replace(" ", ""))

    def bytes_of(what: str) -> float:
        return float(re.findall(rf"([\d.]+) \([^)]*\) for {what}", postgres)[0])

    def median(section: str, name: str) -> float:
        return Spread.of(results["sections"][section]["samples"][name]).median

    def size(title: str) -> float:
        return float(results["sections"]["sizes"]["postgres"][title])

    return {
        "verify": lambda: cell("verify, Basic", 2),
        "get": lambda: cell("get a key, Basic", 2),
        "get_db": lambda: cell("get a key, Basic", 4),
        "create": lambda: cell("create, 32 connections", 2),
        "create_db": lambda: cell("create, 32 connections", 4),
        "creates": lambda: cell("create, 32 connections", 6),
        "creates_sqlite": lambda: Spread.of(results["samples"]["create_32"]["service"]["per_second"]).median,
        "get_sqlite": lambda: Spread.of(results["growth"][-1]["cpu"]["get"]).median,
        "delete": lambda: cell("all well, nodes: 3", 2),
        "delete_node": lambda: (cell("all well, nodes: 8", 2) - cell("all well, nodes: 3", 2)) / 5,
        "key": lambda: bytes_of("a key"),
        "entry": lambda: bytes_of("an entry"),
        "post": lambda: median("conversations", "post cpu postgres"),
        "post_db": lambda: median("conversations", "post cpu of PostgreSQL"),
        "posts": lambda: median("conversations", "post postgres"),
        "posts_sqlite": lambda: median("conversations", "post"),
        "list": lambda: median("conversations", "list cpu postgres"),
        "list_db": lambda: median("conversations", "list cpu of PostgreSQL"),
        "delivery": lambda: 1e6 / median("deliveries", "drained"),
        "user_bytes": lambda: size("user"),
        "conversation_bytes": lambda: size("conversation"),
        "message_bytes": lambda: size("message"),
        "delivery_bytes": lambda: size("delivery"),
        "event_bytes": lambda: float(results["sections"]["sizes"]["event"]),
    }


def rates(cost: Costs) -> str:
    """The most that one core, or one database, does in a second."""
    request = _request(cost)
    rows = [
        ["verifications by a core of a node", "1 / `verify`", number(1e6 / cost["verify"])],
        ["requests by a core of a node, a tenth of which read", "1 / request", number(1e6 / request)],
        ["creates in one PostgreSQL, in one SQLite", "`creates`, `creates_sqlite`", pair(cost, "creates")],
        ["posted messages by a core of a node", "1 / `post`", number(1e6 / cost["post"])],
        ["posted messages in one PostgreSQL, in one SQLite", "`posts`, `posts_sqlite`", pair(cost, "posts")],
        ["deliveries by a core of a node", "1 / `delivery`", number(1e6 / cost["delivery"])],
    ]
    return table(["a second", "formula", ""], rows)


def keys(cost: Costs) -> str:
    request = _request(cost)

    def row(title: str, formula: str, value: Callable[[int], str]) -> list[str]:
        return [title, formula, *(value(amount) for amount in AMOUNTS.values())]

    def changes(amount: int) -> float:
        return 2 * amount / YEAR / DAY

    rows = [
        row("requests a second, mean", "N / day", lambda n: number(n / DAY)),
        row("… peak", "4 · mean", lambda n: number(PEAK * n / DAY)),
        row("cores of nodes, keys in memory", "peak · request", lambda n: number(PEAK * n / DAY * request / 1e6)),
        row("cores of PostgreSQL", "peak · 0.1 · `get_db`", lambda n: number(PEAK * n / DAY * READS * cost["get_db"] / 1e6)),
        row("… if no key is in memory (*estimated*)", "peak · 1.1 · `get_db`", lambda n: number(PEAK * n / DAY * (1 + READS) * cost["get_db"] / 1e6)),
        row("changes a second, peak", "4 · 2 N / year", lambda n: number(PEAK * changes(n))),
        row("share of the lock", "peak / `creates`", lambda n: share(PEAK * changes(n) / cost["creates"])),
        row("… of SQLite's one writer", "peak / `creates_sqlite`", lambda n: share(PEAK * changes(n) / cost["creates_sqlite"])),
        row("keys", "N · `key`", lambda n: volume(n * cost["key"])),
        row("audit trail of a year", "2 N · `entry`", lambda n: volume(2 * n * cost["entry"])),
        row("usage of 30 days, at most", "30 N · `hour`", lambda n: volume(30 * n * cost["hour"])),
        row("cores of PostgreSQL for usage (*estimated*)", "mean · `use_db`", lambda n: number(n / DAY * cost["use_db"] / 1e6)),
    ]  # fmt: skip
    full = cost["creates"] / PEAK / 2 * YEAR * DAY
    return (
        table(["N keys, N requests a day", "formula", *AMOUNTS], rows)
        + f"The lock is full at the peak with {amount_of(full)} keys, SQLite's writer with "
        f"{amount_of(full * cost['creates_sqlite'] / cost['creates'])}.\n\n"
    )


def requests(cost: Costs) -> str:
    request = _request(cost)
    rows = []
    for title, amount in AMOUNTS.items():
        nodes = amount * request / 1e6
        processes = math.ceil(nodes)
        delete = cost["delete"] + processes * cost["delete_node"]
        rows.append(
            [title, number(nodes), number(amount * READS * cost["get_db"] / 1e6), number(2 * processes), number(6 * processes),
             number(delete) + " ms" if processes < 10**4 else "not possible"]
        )  # fmt: skip
    head = ["requests a second", "cores of nodes", "cores of PostgreSQL", "leases, commits a second", "connections", "a DELETE (*estimated*)"]  # fmt: skip
    return table(head, rows)


def messages(cost: Costs) -> str:
    def row(title: str, formula: str, value: Callable[[int], str]) -> list[str]:
        return [title, formula, *(value(amount) for amount in AMOUNTS.values())]

    node = cost["post"] + cost["delivery"] + LISTS * cost["list"]
    database = WRITES * cost["post_db"] + LISTS * cost["list_db"]
    people = (cost["user_bytes"] + cost["conversation_bytes"]) / PER_CONVERSATION
    log = 7 * cost["delivery_bytes"] - 6 * cost["event_bytes"]
    rows = [
        row("messages a second, mean", "M / day", lambda n: number(n / DAY)),
        row("… peak", "4 · mean", lambda n: number(PEAK * n / DAY)),
        row("cores of nodes", "peak · (`post` + `delivery` + 0.2 `list`)", lambda n: number(PEAK * n / DAY * node / 1e6)),
        row("… for deliveries alone", "peak · `delivery`", lambda n: number(PEAK * n / DAY * cost["delivery"] / 1e6)),
        row("cores of PostgreSQL (*estimated*)", "peak · (2 `post_db` + 0.2 `list_db`)", lambda n: number(PEAK * n / DAY * database / 1e6)),
        row("share of the lock (*estimated*)", "2 · peak / `posts`", lambda n: share(WRITES * PEAK * n / DAY / cost["posts"])),
        row("… of SQLite's one writer (*estimated*)", "2 · peak / `posts_sqlite`", lambda n: share(WRITES * PEAK * n / DAY / cost["posts_sqlite"])),
        row("messages of a day", "M · `message_bytes`", lambda n: volume(n * cost["message_bytes"])),
        row("messages of a year, no retention", "365 of them", lambda n: volume(YEAR * n * cost["message_bytes"])),
        row("messages with a retention of 90 days", "90 of them", lambda n: volume(RETENTION * n * cost["message_bytes"])),
        row("users and conversations of a year", "365 · M / 20 · (`user_bytes` + `conversation_bytes`)", lambda n: volume(YEAR * n * people)),
        row("log of deliveries, seven days", "M · (7 `delivery_bytes` − 6 `event_bytes`)", lambda n: volume(n * log)),
    ]  # fmt: skip
    full = DAY / PEAK / WRITES
    return (
        table(["M messages a day", "formula", *AMOUNTS], rows)
        + f"The lock is full at the peak with {amount_of(full * cost['posts'])} messages a day, SQLite's writer with "
        f"{amount_of(full * cost['posts_sqlite'])}.\n\n"
    )


def _request(cost: Costs) -> float:
    """The CPU of a node for the mean request, in microseconds."""
    return (1 - READS) * cost["verify"] + READS * cost["get"]


def number(value: float) -> str:
    """Format with two significant digits."""
    return f"{Decimal(f'{value:.2g}'):,f}".replace(",", " ")


def share(value: float) -> str:
    text = f"{number(100 * value)} %"
    return f"**{text}**" if value > 1 else text


def amount_of(value: float) -> str:
    """Format in words."""
    for size, name in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if value >= size:
            return f"{number(value / size)} {name}"
    return number(value)


def volume(value: float) -> str:
    """Format bytes."""
    units = iter(("bytes", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while value >= 999.5:
        value, unit = value / 1000, next(units)
    return f"{number(value)} {unit}"


def pair(cost: Costs, name: str) -> str:
    return f"{number(cost[name])}, {number(cost[f'{name}_sqlite'])}"


TABLES = {"rates": rates, "keys": keys, "requests": requests, "messages": messages}


def calculated(page: str) -> str:
    """Return the page with its tables as its costs make them."""
    cost = costs(page)
    for name, text in TABLES.items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(begin)
        page = before + begin + "\n" + text(cost) + rest[rest.index(end) :]
    return page


def replaced(page: str, values: Costs) -> str:
    """Return the page with the costs in `values`."""

    def line(row: re.Match[str]) -> str:
        value = f"{values[row['name']]:.3g}" if row["name"] in values else row["value"]
        return f"| `{row['name']}` |{row['what']}| {Decimal(value):f} |{row['rest']}"

    return _ROW.sub(line, page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", action="store_true")
    page = PAGE.read_text()
    if parser.parse_args().measured:
        folder = DOCS / "benchmarks"
        results = json.loads((folder / "results.json").read_text())
        page = replaced(page, measured(results, (folder / "postgres.md").read_text()))
    PAGE.write_text(calculated(page))


if __name__ == "__main__":
    main()
