"""The page of results, the guard, and the page on growth, from results that a run would have; nothing is measured here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run_program(program: str, *arguments: str) -> str:
    """Run a Python program that imports the benchmarks, in a process of its own because of their module names."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=BENCHMARKS, check=True, capture_output=True, text=True).stdout


def test_the_guard_compares_only_measured_cases() -> None:
    samples = {"get_basic": {name: {"cpu_us": [30.0, 31.0]} for name in ("service", "floor")}}
    program = "import sys, json, goals; print(json.dumps(goals.guarded({'samples': json.loads(sys.argv[1])})))"
    guarded = json.loads(run_program(program, json.dumps(samples)))
    assert guarded == {"get_basic: the floor's CPU, of the service's": [1.0, 1.0]}


def test_the_page_has_the_goals_of_all_sections_at_its_top(tmp_path: Path) -> None:
    spread = [2.0, 3.0]
    beside = {
        "rounds": 2,
        "seconds": 2,
        "memory": {"service": 50.0, "Prism": 300.0},
        "versions": {"Prism": "5.16.0"},
        "samples": {
            "get a key": {
                "service": {"per_second": [600.0, 900.0], "cpu_us": spread},
                "Prism": {"per_second": [100.0, 100.0], "cpu_us": spread},
            }
        },
    }
    sections = {
        "beside": beside,
        "start": {"rounds": 2, "samples": {"ready": spread, "cpu": spread, "answered": spread}},
        "sizes": {"sqlite": {"message": 670.4}, "postgres": {"message": 640.0}, "event": 690.0},
    }
    (tmp_path / "results.json").write_text(json.dumps({"machine": "Linux on two cores", "sections": sections}))
    program = "import sys, run; sys.argv[1:] = ['--only-section', '--folder', sys.argv[1]]; run.main()"
    run_program(program, str(tmp_path))
    page = (tmp_path / "README.md").read_text()
    goals, _, rest = page.partition("## Sizes")
    assert "| get a key: requests/s, of Prism's | ≥ 5 | 7.5 (6–9) | yes |" in goals  # noqa: RUF001  # ranges have dashes
    assert "| message | 670 | 640 |" in rest
    assert "## Start of `dev`" in rest
    assert "- **Prism** 5.16.0 (300 MB) checks requests" in rest
    assert "| get a key | Prism | 100 (100–100) | 2.5 (2–3) | 7.5 (6–9) |" in rest  # noqa: RUF001  # the same
    assert json.loads((tmp_path / "results.json").read_text())["sections"] == sections


def test_the_page_sets_the_growth_beside_that_of_sqlite() -> None:
    growth = [
        {"keys": keys, "cpu": {"get": cpu}, "floor": {"get": floor}}
        for keys, cpu, floor in ((10**5, [60.0, 70.0], [5.0, 6.0]), (10**7, [75.0, 84.0], [18.0, 20.0]))
    ]
    page = run_program(
        "import sys, json, report; print(report._floor_of_growth(json.loads(sys.argv[1])))", json.dumps(growth)
    )
    assert "| get | 14.5 (14–15) | 13.5 (13–14) | 5.5 (5–6) and 19 (18–20) |" in page  # noqa: RUF001  # ranges have dashes


def test_the_tables_of_growth_follow_from_its_costs(tmp_path: Path) -> None:
    page = BENCHMARKS.parent / "docs" / "growth.md"
    program = "import sys, growth_page as g; from pathlib import Path; print(g.calculated(Path(sys.argv[1]).read_text()), end='')"
    assert run_program(program, str(page)) == page.read_text()
    edited = tmp_path / "growth.md"
    edited.write_text(
        re.sub(r"(?<=\| `message_bytes` \| a message of 100 letters \| )[0-9.]+", "1600", page.read_text())
    )
    tables = run_program(program, str(edited)).partition("<!-- messages -->")[2]
    assert "| messages of a day | M · `message_bytes` | 16 MB | 16 GB | 16 TB |" in tables
