"""mypy and pyright accept the programs in typing_tests/, and both report every line that ends in `# wrong`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "typing_tests"
BIN = Path(sys.executable).parent


def mypy(file: Path) -> set[int]:
    command = [str(BIN / "mypy"), "--strict", "--output", "json", "--no-error-summary", "--config-file=", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=FOLDER.parent)
    assert result.stderr == ""
    diagnostics = [json.loads(line) for line in result.stdout.splitlines()]
    return {diagnostic["line"] for diagnostic in diagnostics if diagnostic["severity"] == "error"}


def pyright(file: Path) -> set[int]:
    command = [str(BIN / "pyright"), "--outputjson", "--pythonpath", sys.executable, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=FOLDER.parent)
    diagnostics = json.loads(result.stdout)["generalDiagnostics"]
    return {diagnostic["range"]["start"]["line"] + 1 for diagnostic in diagnostics if diagnostic["severity"] == "error"}


def wrong_lines(file: Path) -> set[int]:
    return {number for number, line in enumerate(file.read_text().splitlines(), 1) if line.endswith("# wrong")}


def test_right_programs_pass() -> None:
    assert mypy(FOLDER / "right.py") == set()
    assert pyright(FOLDER / "right.py") == set()


def test_checkers_report_every_wrong_line() -> None:
    expected = wrong_lines(FOLDER / "wrong.py")
    assert expected
    assert mypy(FOLDER / "wrong.py") == expected
    assert pyright(FOLDER / "wrong.py") == expected
