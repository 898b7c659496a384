"""Refuse names that say nothing: list where src/, tests/, benchmarks/ and scripts/ define a name from BANNED, and fail if there is any.

--count prints the number for each package instead, and never fails.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

BANNED = frozenset(
    "told given made found kept each again one helper helpers util utils manager managers common".split()  # noqa: SIM905 - a list of words is easier to read without quotes
)

FOLDERS = ("src", "tests", "benchmarks", "scripts")


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name that the module defines, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, node.lineno


def main() -> None:
    files = subprocess.run(
        ["git", "ls-files", *(f"{folder}/*.py" for folder in FOLDERS)], capture_output=True, text=True, check=True
    )
    counts: Counter[str] = Counter()
    for path in map(Path, files.stdout.split()):
        defined = [(part, 1) for part in (*path.parts[:-1], path.stem)] + list(names(ast.parse(path.read_bytes())))
        for name, line in defined:
            if name.strip("_").lower() in BANNED:
                counts["/".join(path.parts[:3] if path.parts[0] == "src" else path.parts[:2])] += 1
                if "--count" not in sys.argv:
                    print(f"{path}:{line}: {name} says nothing: use the noun of the field")
    if "--count" in sys.argv:
        print(*(f"{number:5} {package}" for package, number in sorted(counts.items())), f"{counts.total():5}", sep="\n")
    elif counts:
        sys.exit(f"{counts.total()} banned names: rename them.")


if __name__ == "__main__":
    main()
