"""One run of the service beside its floor, a reference and nginx: they take turns, case by case, round by round."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import targets
from cases import Case, cases
from fill import fill
from goals import TITLES, Results
from load import wrk
from targets import Target

_OWN = {"date", "server", "content-length", "connection"}
"""Headers that a server adds by itself."""

_THINKING = 128


class Plan(NamedTuple):
    """`tokens` is more than any cache holds; the `empty` integrations have room for all keys that are created."""

    rounds: int
    seconds: int
    tokens: int
    empty: int
    targets: tuple[str, ...]
    cases: tuple[str, ...]
    half_load: tuple[str, ...] = ()


FULL = Plan(
    7, 3, tokens=200_000, empty=30_000, targets=("service", "logged", "floor", "nginx", "reference"),
    cases=tuple(TITLES),
    half_load=("service", "floor"),
)  # fmt: skip
QUICK = Plan(
    3, 1, tokens=30_000, empty=4_000, targets=("service", "floor"),
    cases=("get_basic", "auth_basic", "get_new_token", "list", "refused_secret", "create_1", "create_32"),
)  # fmt: skip


class Bench:
    """`reference` is the Python of the reference's virtual environment; None leaves the reference out."""

    def __init__(self, folder: Path, plan: Plan, reference: Path | None) -> None:
        self._plan = plan
        self._folder = folder
        self._reference = reference
        self._filled = fill(folder / "data", 1000, plan.empty)
        self._cases = [case for case in cases(folder, self._filled, plan.tokens) if case.name in plan.cases]
        self._samples: dict[str, dict[str, dict[str, list[float]]]] = {}
        self._created: dict[str, int] = {}

    def run(self) -> Results:
        """Return the samples of all rounds, and the memory and the start times."""
        start: dict[str, list[float]] = {}
        with self._targets() as running:
            self._round(running, seconds=1)  # warms up
            self._samples.clear()
            for _ in range(self._plan.rounds):
                self._round(running, seconds=self._plan.seconds)
                for name in self._plan.half_load:
                    self._half_load(running[name])
                with targets.service(self._filled.data) as another:
                    start.setdefault("service", []).append(another.start_seconds)
            memory = {name: target.peak_megabytes() for name, target in running.items() if name != "logged"}
            start |= {
                name: [target.start_seconds] for name, target in running.items() if name in memory and name not in start
            }
        return {"samples": self._samples, "start": start, "memory": memory}

    @contextlib.contextmanager
    def _targets(self) -> Generator[dict[str, Target]]:
        """Yield the running targets of the plan, without those that this machine lacks."""
        with contextlib.ExitStack() as stack:
            service = stack.enter_context(targets.service(self._filled.data))
            running = {service.name: service}
            answers = self._answers(service)
            (self._folder / "answers.json").write_text(json.dumps(answers))
            running["floor"] = stack.enter_context(targets.floor(self._folder / "answers.json"))
            if "logged" in self._plan.targets:
                running["logged"] = stack.enter_context(targets.service(self._filled.data, name="logged", logs=True))
            if "nginx" in self._plan.targets and shutil.which("nginx"):
                (self._folder / "nginx").mkdir()
                running["nginx"] = stack.enter_context(targets.nginx(self._folder / "nginx", answers))
            if self._reference:
                running["reference"] = stack.enter_context(self._start_reference(self._reference))
            yield running

    def _start_reference(self, python: Path) -> Target:
        database = self._folder / "reference.sqlite3"
        target = targets.reference(python, database)
        targets.copy_to_reference(self._filled.data, database)
        return target

    def _answers(self, service: Target) -> dict[str, Any]:
        """Return the service's answers by path: status, headers and body."""
        answers: dict[str, Any] = {}
        for request in ["GET\t/healthz\t\t", *(case.first() for case in self._cases if not case.writes)]:
            method, path, authorization, _ = request.split("\t")
            status, headers, body = service.ask(method, path, authorization)
            kept_headers = [(name, value) for name, value in headers.items() if name not in _OWN]
            answers[path] = (status, [*kept_headers, ("content-length", str(len(body)))], body.decode())
        return answers

    def _round(self, running: dict[str, Target], *, seconds: int) -> None:
        for case in self._cases:
            for name in case.targets:
                if name in running:
                    self._measure(case, running[name], seconds)

    def _measure(self, case: Case, target: Target, seconds: int) -> None:
        first = self._created.get(target.name, 0) if case.writes else 0
        cpu = target.cpu_seconds()
        load = wrk(
            target.url, case.requests, connections=case.connections, seconds=seconds, status=case.status, first=first
        )
        cpu_us = (target.cpu_seconds() - cpu) / load.requests * 1e6
        if case.writes:
            self._created[target.name] = first + load.sent
        self._keep(case, target, per_second=load.per_second, cpu_us=cpu_us, p50=load.p50, p99=load.p99)

    def _half_load(self, target: Target) -> None:
        """Measure latencies while clients with pauses request half of what the target can serve."""
        case = self._cases[0]
        most = statistics.median(self._samples[case.name][target.name]["per_second"])
        think = _THINKING / (most / 2) * 1e3
        load = wrk(target.url, case.requests, connections=_THINKING, seconds=self._plan.seconds, think_ms=think)
        share, tail = load.per_second / most, load.p99 / load.p50
        self._keep(case, target, half_p50=load.p50, half_p99=load.p99, half_tail=tail, half_share=share)

    def _keep(self, case: Case, target: Target, **values: float) -> None:
        for metric, value in values.items():
            self._samples.setdefault(case.name, {}).setdefault(target.name, {}).setdefault(metric, []).append(value)
