"""What is aimed at, as ratios within one run, and what a run came to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

Results = dict[str, Any]
"""The results of `run`: `samples` by case, target and metric; `start`, `memory` by target; `growth`; `workers`;
`sections` by the names of `run.SECTIONS`."""


class Spread(NamedTuple):
    """The median of several measurements, and their range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def text(self, unit: str = "") -> str:
        return f"{figure(self.median)}{unit} ({figure(self.low)}–{figure(self.high)})"


class Goal(NamedTuple):
    title: str
    wanted: str
    spread: Spread
    is_met: bool

    @classmethod
    def at_least(cls, title: str, bound: float, values: Sequence[float]) -> Goal:
        spread = Spread.of(values)
        return cls(title, f"≥ {bound:g}", spread, spread.median >= bound)

    @classmethod
    def at_most(cls, title: str, bound: float, values: Sequence[float], unit: str = "") -> Goal:
        spread = Spread.of(values)
        return cls(title, f"≤ {bound:g}{unit}", spread, spread.median <= bound)


def figure(value: float) -> str:
    """Format a number with three significant digits."""
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 100 else f"{value:.3g}"


def ratios(
    results: Results, case: str, other: str, metric: str = "per_second", *, target: str = "service"
) -> list[float]:
    """Return the ratios of a target's figures to another's, round by round."""
    samples = results["samples"][case]
    return [ours / theirs for ours, theirs in zip(samples[target][metric], samples[other][metric], strict=True)]


def between(results: Results, case: str, other: str, metric: str = "per_second") -> list[float]:
    """Return the ratios between two cases of the service, round by round."""
    samples = results["samples"]
    pairs = zip(samples[case]["service"][metric], samples[other]["service"][metric], strict=True)
    return [this / that for this, that in pairs]


FLOOR_GOALS = {"get_basic": 0.88, "get_same_token": 0.85, "get_new_token": 0.55, "list": 0.75}
LOGGED_GOALS = {"get_basic": 0.78, "get_same_token": 0.78}
"""The throughput with a line in the log for each request, as the service comes, of the floor's."""
GUARDED = ("get_basic", "get_new_token", "list", "refused_secret")
REFERENCE_GOALS = {**dict.fromkeys(FLOOR_GOALS, 4.0), "create_32": 5.0}
REFUSAL_GOAL = 1.1
TAIL_GOAL = 1.3
"""The most that p99 at half load, of p50, may be of the floor's own ratio."""

MEMORY_GOAL, START_GOAL = 50, 0.25
USAGE_GOAL = 1.1
"""The most CPU time of a get while the use of keys is counted, of one without."""

VERIFICATION_GOAL = 1.15
"""The most CPU time of a verification by `/auth`, of that of a `get` with the same credentials."""

GROWTH_GOAL = 1.3
TITLES = {
    "get_basic": "get a key, Basic",
    "auth_basic": "verify a key by /auth, Basic",
    "get_same_token": "get a key, the same token again",
    "auth_same_token": "verify a key by /auth, the same token again",
    "get_new_token": "get a key, a new token each time",
    "list": "list 10 keys, Basic",
    "refused_secret": "refused: wrong secret",
    "refused_key": "refused: no such key",
    "refused_token": "refused: forged token",
    "create_1": "create a key, 1 connection",
    "create_32": "create a key, 32 connections",
}


def reached(results: Results) -> list[Goal]:
    """Return the goals of the service for which there are results."""
    samples = results.get("samples")
    goals: list[Goal] = []
    if samples is None:
        return goals

    def at_least(title: str, bound: float, values: list[float]) -> None:
        goals.append(Goal.at_least(title, bound, values))

    def at_most(title: str, bound: float, values: list[float], unit: str = "") -> None:
        goals.append(Goal.at_most(title, bound, values, unit))

    for case, bound in FLOOR_GOALS.items():
        if "floor" in samples.get(case, {}):
            at_least(f"{TITLES[case]}: throughput, of the floor's", bound, ratios(results, case, "floor"))
    for case, bound in LOGGED_GOALS.items():
        if {"floor", "logged"} <= samples.get(case, {}).keys():
            at_least(
                f"{TITLES[case]}, with the log of requests: throughput, of the floor's",
                bound,
                ratios(results, case, "floor", target="logged"),
            )
    for case, bound in REFERENCE_GOALS.items():
        if "reference" in samples.get(case, {}):
            at_least(f"{TITLES[case]}: throughput, of the reference's", bound, ratios(results, case, "reference"))
    for refused, accepted in (
        ("refused_secret", "get_basic"),
        ("refused_key", "get_basic"),
        ("refused_token", "get_new_token"),
    ):
        if refused in samples and accepted in samples:
            cost = between(results, refused, accepted, "cpu_us")
            at_most(f"{TITLES[refused]}: CPU, of “{TITLES[accepted]}”", REFUSAL_GOAL, cost)
    for verified, read in (("auth_basic", "get_basic"), ("auth_same_token", "get_same_token")):
        if verified in samples and read in samples:
            cost = between(results, verified, read, "cpu_us")
            at_most(f"{TITLES[verified]}: CPU, of “{TITLES[read]}”", VERIFICATION_GOAL, cost)
    if "half_tail" in samples.get("get_basic", {}).get("service", {}):
        at_most(
            "p99 at half load, of p50: of the floor's own ratio",
            TAIL_GOAL,
            ratios(results, "get_basic", "floor", "half_tail"),
        )
    at_most("peak memory of the worker, MB", MEMORY_GOAL, [results["memory"]["service"]])
    at_most("from its start to its first answer, s", START_GOAL, results["start"]["service"])
    if results.get("workers"):
        at_least(
            "two workers on two cores, of one on one",
            1.7,
            [two_workers / one_worker for one_worker, two_workers in results["workers"]],
        )
    if results.get("growth"):
        *_, middle, last = results["growth"]
        cpu = dict(last["cpu"])
        uncounted = cpu.pop("get without usage", None)
        for operation, values in cpu.items():
            pairs = zip(values, middle["cpu"][operation], strict=True)
            at_most(
                f"{operation} at {last['keys']:,} keys: CPU, of the same at {middle['keys']:,}",
                GROWTH_GOAL,
                [a / b for a, b in pairs],
            )
        if uncounted is not None:
            pairs = zip(cpu["get"], uncounted, strict=True)
            at_most(
                f"get at {last['keys']:,} keys: CPU, of the same without counting the use of keys",
                USAGE_GOAL,
                [a / b for a, b in pairs],
            )
    return goals


def guarded(results: Results) -> dict[str, list[float]]:
    """Return the values of the measured cases that the guard compares, one per round; more is better.

    By CPU time alone: what the disk and the machine's other work leave of the time is their own affair.
    """
    samples = results["samples"]
    values = {
        f"{case}: the floor's CPU, of the service's": [1 / ratio for ratio in ratios(results, case, "floor", "cpu_us")]
        for case in GUARDED
        if case in samples
    }
    for title, this, other in (
        ("auth_basic: CPU of a get, of that of the verification", "get_basic", "auth_basic"),
        # Changes in one commit cost less each.
        ("create: CPU on one connection, of that on 32", "create_1", "create_32"),
    ):
        if this in samples and other in samples:
            values[title] = between(results, this, other, "cpu_us")
    return values
