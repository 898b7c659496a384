"""`make bench` and `make bench-quick`: measure everything, and write the page of results.

    python benchmarks/run.py [--quick] [--rounds N] [--seconds N] [--only CASE …] [--no-growth] [--stores FOLDER] [--folder FOLDER]
    python benchmarks/run.py --only-section [NAME …] [--rounds N] [--folder FOLDER]

It measures the service beside its floor, a reference and nginx, growth and workers, and the SECTIONS, and writes the page, its
plots and results.json to FOLDER (docs/benchmarks). `--only-section` measures these sections alone, and replaces their results
in FOLDER; without a name it writes the page from results.json. With --quick it measures part of the service's cases, holds its
ratios against those in benchmarks/expected.json, and exits 1 where one has fallen by more than a third in each of three
repetitions; --keep writes that file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Protocol

import beside
import client
import conversations
import deliveries
import durability
import growth
import report
import sizes
import start
import targets
import workers
from goals import TITLES, Goal, Results, guarded
from load import require_tools
from service import FULL, QUICK, Bench

ROOT = Path(__file__).parent.parent
EXPECTED = Path(__file__).with_name("expected.json")
TOLERATED = 2 / 3
SECTION_ROUNDS = 5


class Section(Protocol):
    """A module that measures one subject, and describes the results as JSON holds them."""

    @staticmethod
    def measure(folder: Path, rounds: int) -> dict[str, Any]: ...

    @staticmethod
    def section(results: dict[str, Any]) -> tuple[list[Goal], str]: ...


SECTIONS: dict[str, Section] = {
    "durability": durability,
    "conversations": conversations,
    "deliveries": deliveries,
    "sizes": sizes,
    "start": start,
    "client": client,
    "beside": beside,
}
"""The sections of the page, after those of the service, in their order."""


def guard(results: Results) -> bool:
    """Print each ratio beside the expected one. Return True if none is below two thirds of it."""
    expected = json.loads(EXPECTED.read_text())
    holds = True
    for name, values in guarded(results).items():
        fell = all(value < expected[name] * TOLERATED for value in values)
        holds = holds and not fell
        seen = ", ".join(f"{value:.2f}" for value in values)
        print(f"{'FELL' if fell else 'ok':5}{name}: {seen} (kept: {expected[name]:.2f})")
    return holds


def keep(results: Results) -> None:
    """Return the lowest values of all rounds: other work on the machine must not fail a later run."""
    least = {name: round(min(values), 3) for name, values in guarded(results).items()}
    EXPECTED.write_text(json.dumps(least, indent=2, ensure_ascii=False) + "\n")


def described(results: Results) -> list[report.Section]:
    measured = results.get("sections", {})
    return [module.section(measured[name]) for name, module in SECTIONS.items() if name in measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", nargs="+", choices=TITLES, metavar="CASE")
    parser.add_argument("--only-section", nargs="*", choices=SECTIONS, metavar="NAME")
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument(
        "--stores", type=Path, help="a folder of stores for growth, which are filled if missing, and kept"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(growth.SIZES))
    parser.add_argument("--reference", type=Path, default=ROOT / ".venv-reference")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    if options.keep and options.only:
        parser.error("--keep writes the ratios of all cases: leave out --only")
    if options.only_section != []:
        require_tools()
    if options.only_section is None:
        results = measure_service(options)
    else:
        file = options.folder / "results.json"
        results = json.loads(file.read_text()) if file.exists() else {"machine": report.machine()}
    names = list(SECTIONS) if options.only_section is None else options.only_section
    if not options.quick:
        report.write(results, options.folder, described(results))
        for name in names:
            print(f"Measuring {name} …", file=sys.stderr)
            with tempfile.TemporaryDirectory() as folder:
                measured = SECTIONS[name].measure(Path(folder), options.rounds or SECTION_ROUNDS)
            results.setdefault("sections", {})[name] = measured
            report.write(results, options.folder, described(results))  # now, so that a failure loses one section
    print(report.goals_table(report.goals(results, described(results))))
    if options.keep:
        keep(results)
    elif options.quick and not guard(results):
        sys.exit("a ratio has fallen by more than a third")


def measure_service(options: argparse.Namespace) -> Results:
    """Measure the service beside what it is compared with; unless `options.quick`, also workers and growth."""
    plan = QUICK if options.quick else FULL
    plan = plan._replace(rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds)
    if options.only:
        plan = plan._replace(cases=tuple(options.only))
    python = None if options.quick else targets.reference_python(options.reference)
    if not options.quick and not shutil.which("nginx"):
        print("nginx is not installed (Debian: nginx-light): it is left out", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        results = {"machine": report.machine(), "rounds": plan.rounds, "seconds": plan.seconds}
        results |= Bench(folder, plan, python).run()
        if not options.quick:
            results["workers"] = workers.measure(folder, plan.rounds, plan.seconds)
            if not options.no_growth:
                results["growth"] = [
                    size.as_dict() for size in growth.measure(options.stores or folder, options.sizes, plan.rounds)
                ]
    return results


if __name__ == "__main__":
    main()
