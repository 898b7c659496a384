"""All commands: importing this module registers them."""

from __future__ import annotations

import importlib

from sunshine_keys.cli.program import cli, fail
from sunshine_keys.store import StoreError

__all__ = ["cli", "run"]

for name in (
    "init",
    "serving",
    "token",
    "scan",
    "backup",
    "exports",
    "audit",
    "seal",
    "copying",
    "migrate",
):
    importlib.import_module(f"sunshine_keys.cli.{name}")


def run() -> None:
    try:
        cli()
    except StoreError as error:
        fail(str(error))
