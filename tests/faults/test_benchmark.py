"""The benchmark of durable creates runs and prints positive rates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "durability.py"


@pytest.mark.slow
def test_the_benchmark_of_durable_creates_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARK), "--rounds", "1", "--seconds", "0.2", "--folder", str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [row.strip("| \n").split(" | ") for row in printed.split("\n\n")[0].splitlines() if row[2:3].isdigit()]
    assert {row[0] for row in rows} == {"32", "1"}
    medians = [float(cell.split()[0]) for row in rows for cell in row[2:]]
    assert len(medians) == 3 * len(rows)
    assert min(medians) > 0
