"""The parsers under a coverage-guided fuzzer: python tests/fuzz/coverage_guided.py [-max_total_time=SECONDS]."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports():
    from support.parsers import parse


if __name__ == "__main__":
    atheris.Setup([*sys.argv, f"-dict={Path(__file__).parent / 'words.dict'}"], parse)
    atheris.Fuzz()
