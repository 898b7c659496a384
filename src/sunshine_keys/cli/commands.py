"""All commands: importing this module registers them."""

from __future__ import annotations

from sunshine_keys.cli import init, seal, serving, token
from sunshine_keys.cli.program import cli, fail
from sunshine_keys.store import StoreError

__all__ = ["cli", "init", "run", "seal", "serving", "token"]


def run() -> None:
    try:
        cli()
    except StoreError as error:
        fail(str(error))
