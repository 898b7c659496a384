"""Writes what a run came to: a page with tables, and plots."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from goals import FLOOR_GOALS, GROWTH_GOAL, TITLES, Goal, Results, Spread, figure, ratios, reached

_COLOURS = {"service": "#2563eb", "logged": "#1d4ed8", "floor": "#94a3b8", "reference": "#f59e0b", "nginx": "#10b981"}
_PREFACE = """# Benchmarks

What `make bench` measured. **Ratios matter here, absolute figures do not**: the figures of a section were measured
interleaved in one run, so that other work on the machine disturbs all of them alike. A ratio is the median of the rounds' own
ratios, with their range. [Performance](../performance.md) describes how it is measured, and what came of it.

"""


class Bar(NamedTuple):
    label: str
    value: float
    colour: str
    text: str


Section = tuple[list[Goal], str]
"""The goals of a section, and its text, which begins with a heading of the second level."""


def machine() -> str:
    cores = os.cpu_count()
    return f"{platform.system()} on {platform.machine()}, {cores} cores, Python {platform.python_version()}"


def write(results: Results, folder: Path, sections: Sequence[Section]) -> None:
    """Write the results, the page of them and its plots."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    page = f"{_PREFACE}{results['machine']}.\n\n## Goals\n\n{goals_table(goals(results, sections))}"
    if "samples" in results:
        page += _throughput(results, folder) + _latency(results, folder) + _costs(results) + _growth(results, folder)
    page += "".join(text for _, text in sections)
    (folder / "README.md").write_text(page.rstrip() + "\n")


def goals(results: Results, sections: Iterable[Section]) -> list[Goal]:
    return [*reached(results), *(goal for section_goals, _ in sections for goal in section_goals)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def goals_table(reached_goals: Iterable[Goal]) -> str:
    rows = [[goal.title, goal.wanted, goal.spread.text(), "yes" if goal.is_met else "**no**"] for goal in reached_goals]
    return table(["", "goal", "measured", "met"], rows)


def figures_table(samples: dict[str, list[float]]) -> str:
    return table(["", "median (min–max)"], [[name, Spread.of(values).text()] for name, values in samples.items()])


def _throughput(results: Results, folder: Path) -> str:
    rows = []
    bars: list[Bar] = []
    for case, by_target in results["samples"].items():
        for target, metrics in by_target.items():
            of_floor = ""
            if "floor" in by_target and target != "floor":
                pairs = zip(metrics["per_second"], by_target["floor"]["per_second"], strict=True)
                of_floor = Spread.of([ours / floor for ours, floor in pairs]).text()
            cells = [Spread.of(metrics[name]) for name in ("per_second", "cpu_us", "p50", "p99")]
            rows.append([TITLES[case], target, *(cell.text() for cell in cells), of_floor])
        if case in FLOOR_GOALS and "floor" in by_target:
            for target in ("service", "reference"):
                if target in by_target:
                    spread = Spread.of(
                        ratios(results, case, "floor") if target == "service" else _of_floor(by_target, target)
                    )
                    bars.append(
                        Bar(f"{TITLES[case]}: {target}", spread.median, _COLOURS[target], figure(spread.median))
                    )
    (folder / "throughput.svg").write_text(bar_chart("Throughput, of the floor's", bars, 1.0))
    return (
        "## Throughput\n\n![Throughput, of the floor's](throughput.svg)\n\n"
        f"{results['rounds']} rounds of {results['seconds']} s for each figure. Median (min–max). CPU is the server's, user "
        "and system; latencies are those at full load.\n\n"
        + table(["", "", "requests/s", "CPU, µs a request", "p50, µs", "p99, µs", "of the floor"], rows)
    )


def _of_floor(by_target: dict[str, dict[str, list[float]]], target: str) -> list[float]:
    pairs = zip(by_target[target]["per_second"], by_target["floor"]["per_second"], strict=True)
    return [theirs / floor for theirs, floor in pairs]


def _latency(results: Results, folder: Path) -> str:
    rows = []
    bars = []
    for target, metrics in results["samples"].get("get_basic", {}).items():
        if "half_p50" not in metrics:
            continue
        names = ("half_p50", "half_p99", "half_tail", "half_share")
        rows.append([target, *(Spread.of(metrics[name]).text() for name in names)])
        for name in names[:2]:
            value = Spread.of(metrics[name]).median
            bars.append(Bar(f"{target}: {name.removeprefix('half_')}", value, _COLOURS[target], f"{figure(value)} µs"))
    if not rows:
        return ""
    (folder / "latency.svg").write_text(bar_chart("Latency at half load: get a key, Basic", bars))
    return (
        "## Latency at half load\n\n![Latency at half load](latency.svg)\n\n128 clients that think between requests, for "
        "times that are exponentially distributed, in whole milliseconds.\n\n"
        + table(["", "p50, µs", "p99, µs", "p99 of p50", "load, of the most"], rows)
    )


def _costs(results: Results) -> str:
    rows = [
        [target, f"{results['memory'][target]:.1f}", Spread.of(results["start"][target]).text()]
        for target in results["memory"]
    ]
    section = "## Memory and start\n\n" + table(["", "peak memory, MB", "from its start to its first answer, s"], rows)
    if results.get("workers"):
        spread = Spread.of([two_workers / one_worker for one_worker, two_workers in results["workers"]])
        section += f"Two workers on two cores served {spread.text()} times what one worker on one core did.\n\n"
    return section


def _growth(results: Results, folder: Path) -> str:
    if not results.get("growth"):
        return ""
    first = results["growth"][0]
    rows = []
    bars = []
    for grown in results["growth"]:
        for operation, values in grown["samples"].items():
            smallest = first["samples"][operation.removesuffix(" without usage")]
            of_first = Spread.of([a / b for a, b in zip(values, smallest, strict=True)])
            cost, cpu = Spread.of(values).text(), grown["cpu"].get(operation)
            size = f"{grown['keys']:,}"
            rows.append([operation, size, cost, Spread.of(cpu).text() if cpu else "", of_first.text()])
            if grown is not first:
                bars.append(
                    Bar(f"{operation}, {size} keys", of_first.median, _COLOURS["service"], figure(of_first.median))
                )
    rows.sort(key=lambda row: list(first["samples"]).index(row[0].removesuffix(" without usage")))
    bars.sort(key=lambda bar: bar.label.partition(",")[0])
    sizes = ", ".join(f"{grown['bytes_per_key']:.0f} at {grown['keys']:,} keys" for grown in results["growth"])
    (folder / "growth.svg").write_text(bar_chart(f"Cost, of that at {first['keys']:,} keys", bars, GROWTH_GOAL))
    return (
        f"## Growth\n\n![Growth](growth.svg)\n\nBytes of the file per key: {sizes} (in the smallest, most is the 1,000 "
        "integrations without keys).\n\n"
        + table(["", "keys", "µs a request (start: s)", "CPU, µs a request", "of the smallest"], rows)
        + _floor_of_growth(results["growth"])
    )


def _floor_of_growth(growth: list[dict[str, Any]]) -> str:
    """Return how much more CPU time the largest store takes than the one before it, and how much of that is SQLite's."""
    *_, middle, last = growth
    rows = []
    for operation, floor in last["floor"].items():
        more = [
            Spread.of([a - b for a, b in zip(of_last, of_middle, strict=True)]).text()
            for of_last, of_middle in (
                (last["cpu"][operation], middle["cpu"][operation]),
                (floor, middle["floor"][operation]),
            )
        ]
        alone = f"{Spread.of(middle['floor'][operation]).text()} and {Spread.of(floor).text()}"
        rows.append([operation, *more, alone])
    return (
        f"How many µs of CPU more an operation takes at {last['keys']:,} keys than at {middle['keys']:,}, and how many of them "
        "SQLite\ntakes for the same keys without the service: it reads the key or the list, or writes the key without the "
        "audit trail, 32 in a\ntransaction.\n\n"
        + table(
            ["", "the service", "SQLite alone", f"SQLite alone: at {middle['keys']:,}, and at {last['keys']:,}"], rows
        )
    )


def bar_chart(title: str, bars: Sequence[Bar], mark: float | None = None) -> str:
    """Return an SVG of horizontal bars, with a dashed line at `mark`."""
    left, width, step = 270, 380, 24
    most = max([*(bar.value for bar in bars), mark or 0]) * 1.05 or 1
    height = 50 + step * len(bars)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" width="760" height="{height}"'
            ' font-family="sans-serif" font-size="13">'
        ),
        f'<rect width="760" height="{height}" fill="white"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for place, bar in enumerate(bars):
        top, length = 40 + place * step, bar.value / most * width
        parts += [
            f'<text x="{left - 8}" y="{top + 13}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{left}" y="{top}" width="{length:.1f}" height="18" fill="{bar.colour}"/>',
            f'<text x="{left + length + 6:.1f}" y="{top + 13}">{escape(bar.text)}</text>',
        ]
    if mark:
        x = left + mark / most * width
        parts.append(
            f'<line x1="{x:.1f}" y1="34" x2="{x:.1f}" y2="{height - 8}" stroke="#475569" stroke-dasharray="4 3"/>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
