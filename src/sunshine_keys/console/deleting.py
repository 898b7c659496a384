"""Deleting something: a page that says what goes with it, and asks for its name to be typed."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from sunshine_keys.console.rendering import page
from sunshine_keys.console.visits import Visit


class Doomed(msgspec.Struct, frozen=True):
    """What is to be deleted. `name` is what has to be typed: its display name, or its id where it has none."""

    kind: str
    name: str
    id: str
    consequences: str
    back: str


def ask(visit: Visit, doomed: Doomed, fault: str = "") -> Response:
    return page(visit, "delete.html", doomed=doomed, fault=fault, status=422 if fault else 200)


def is_confirmed(visit: Visit, doomed: Doomed) -> bool:
    """Space around the name, or how much of it is within, is nothing that a person could see."""
    return visit.form.text("name").split() == doomed.name.split()


def refuse(visit: Visit, doomed: Doomed) -> Response:
    return ask(visit, doomed, f"That is not the name of this {doomed.kind}. Nothing was deleted.")
