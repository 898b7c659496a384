"""The benchmark of durable creates runs and measures positive rates."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import durability
durability.SECONDS = 0.2
results = durability.measure(None, 1)
assert durability.section(results)
print(json.dumps(results))
"""


@pytest.mark.slow
def test_the_benchmark_of_durable_creates_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(BENCHMARKS)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    rates = json.loads(printed)["rates"]
    assert {"32 0", "32 0.2", "32 1", "1 0", "1 0.2", "1 1"} >= rates.keys() >= {"32 0", "1 0"}
    assert all(rate > 0 for by_way in rates.values() for rates in by_way.values() for rate in rates)
