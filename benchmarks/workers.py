"""Measures what a second worker brings: two workers on two cores beside one worker on one core, interleaved.

    python benchmarks/workers.py [--rounds N]

Each core has a worker and a thread of the load's, so that the load takes the same share of one core as of two.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import targets
from cases import cases
from fill import fill
from load import CORES, require_tools, wrk


def measure(folder: Path, rounds: int, seconds: int) -> list[tuple[float, float]]:
    """Return requests per second with one worker and with two, one pair per round."""
    filled = fill(folder / "workers", 1000, 10)
    (folder / "requests").mkdir()
    case = cases(folder / "requests", filled, 1)[0]
    rates_by_round = []
    with (
        targets.service(filled.data, name="one worker", cores=CORES[:1]) as one_worker,
        targets.service(filled.data, name="two workers", cores=CORES[:2], workers=2) as two_workers,
    ):
        for round in range(-1, rounds):
            rates = [
                wrk(target.url, case.requests, connections=32 * count, seconds=seconds, threads=count, cores=CORES[:count])
                for count, target in ((1, one_worker), (2, two_workers))
            ]  # fmt: skip
            if round >= 0:
                rates_by_round.append((rates[0].per_second, rates[1].per_second))
    return rates_by_round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    require_tools()
    with tempfile.TemporaryDirectory() as temporary:
        ratios = [two_workers / one_worker for one_worker, two_workers in measure(Path(temporary), options.rounds, 3)]
    print(
        f"two workers serve {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) times what one does"
    )


if __name__ == "__main__":
    main()
