"""`make bench` and `make bench-quick`: measures the service beside its floor, a reference and nginx, in one run.

    python benchmarks/run.py [--quick] [--rounds N] [--seconds N] [--only CASE …] [--no-growth] [--stores FOLDER] [--folder FOLDER]

Without --quick it also measures growth and workers, and writes the page and its plots to FOLDER (docs/benchmarks). With
--quick it holds its ratios against those in benchmarks/expected.json, and exits 1 where one has fallen by more than a
third in each of three repetitions; --keep writes that file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import growth
import report
import targets
import workers
from goals import Results, guarded
from load import require_tools
from service import FULL, QUICK, Bench

ROOT = Path(__file__).parent.parent
EXPECTED = Path(__file__).with_name("expected.json")
TOLERATED = 2 / 3


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


def machine() -> str:
    cores = os.cpu_count()
    return f"{platform.system()} on {platform.machine()}, {cores} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument(
        "--stores", type=Path, help="a folder of stores for growth, which are filled if missing, and kept"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(growth.SIZES))
    parser.add_argument("--reference", type=Path, default=ROOT / ".venv-reference")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    require_tools()
    plan = QUICK if options.quick else FULL
    plan = plan._replace(rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds)
    if options.only:
        plan = plan._replace(cases=tuple(options.only))
    python = None if options.quick else targets.reference_python(options.reference)
    if not options.quick and not shutil.which("nginx"):
        print("nginx is not installed (Debian: nginx-light): it is left out", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        results = {"machine": machine(), "rounds": plan.rounds, "seconds": plan.seconds}
        results |= Bench(folder, plan, python).run()
        if not options.quick:
            results["workers"] = workers.measure(folder, plan.rounds, plan.seconds)
            if not options.no_growth:
                results["growth"] = [
                    size.as_dict() for size in growth.measure(options.stores or folder, options.sizes, plan.rounds)
                ]
            report.write(results, options.folder)
    print(report.goals_table(results))
    if options.keep:
        keep(results)
    elif options.quick and not guard(results):
        sys.exit("a ratio has fallen by more than a third")


if __name__ == "__main__":
    main()
