"""The router: which operation a method and a path have, and which sets of operations it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sunshine_keys.compose import OPERATIONS, ROUTER, opened_engine
from sunshine_keys.errors import MethodNotAllowed, NotFound
from sunshine_keys.settings import Settings
from sunshine_keys.wire.application import Application
from sunshine_keys.wire.operation import Operation
from sunshine_keys.wire.router import Router


def an_operation(path: str, *, method: str = "GET", parameters: Any = None, runs_inline: bool = True) -> Operation:
    changed = msgspec.structs.replace(OPERATIONS[0], path=path, method=method, runs_inline=runs_inline)
    names = changed.placeholders if parameters is None else parameters
    return msgspec.structs.replace(changed, parameters=names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_path_of_every_operation_leads_to_it_with_its_ids(operation: Operation) -> None:
    segments = [part.strip("{}") for part in operation.path[1:].split("/")]
    assert ROUTER.match(operation.method, segments) == (operation, {name: name for name in operation.placeholders})


def test_literal_goes_before_a_parameter() -> None:
    literal, parameter = an_operation("/v2/toys/new"), an_operation("/v2/toys/{toyId}")
    router = Router([parameter, literal])
    assert router.match("GET", ["v2", "toys", "new"])[0] is literal
    assert router.match("HEAD", ["v2", "toys", "old"]) == (parameter, {"toyId": "old"})


def test_paths_may_name_their_parameters_at_one_place_differently() -> None:
    toy, parts = an_operation("/v2/{toyId}"), an_operation("/v2/{otherId}/parts")
    router = Router([toy, parts])
    assert router.match("GET", ["v2", "1"]) == (toy, {"toyId": "1"})
    assert router.match("GET", ["v2", "1", "parts"]) == (parts, {"otherId": "1"})


def test_missing_paths_and_methods_are_named() -> None:
    with pytest.raises(NotFound):
        ROUTER.match("GET", ["v2", "apps", ""])
    with pytest.raises(NotFound):
        ROUTER.match("GET", ["v2"])
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTER.match("PUT", ["v2", "apps", "x"])
    assert refused.value.allowed == "DELETE, GET, HEAD, PATCH"


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ([an_operation("/v2/toys"), an_operation("/v2/toys")], "GET /v2/toys has two operations"),
        ([an_operation("/v2/{toyId}", parameters=["keyId"])], "{toyId} is not one of its parameters"),
        ([an_operation("/v2/toys/{toyId}.json")], "{toyId}.json is not one of its parameters"),
        ([an_operation("/v2/toys/{toyId")], "{toyId is not one of its parameters"),
    ],
)
def test_ambiguous_operations_are_refused(operations: list[Operation], reason: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the reason is compared in whole
        Router(operations)
    assert str(refused.value).endswith(reason)


async def test_only_operations_that_allow_it_run_inline(tmp_path: Path) -> None:
    router = Router([an_operation("/v2/toys/{toyId}", runs_inline=False), an_operation("/v2/toys"), *OPERATIONS])
    async with opened_engine(Settings(tmp_path)) as engine:
        application = Application(engine, router)

        def runs_inline(path: bytes, method: str = "GET") -> bool:
            return application.runs_inline({"method": method, "raw_path": path})

        for base in (b"/v2/", b"/sc/v2/", b"/v2//", b"/sc/v2//", b"//v2/", b"/sc//v2/"):
            assert not runs_inline(base + b"toys/1")
            assert runs_inline(base + b"toys")
            assert runs_inline(base + b"apps")
            assert not runs_inline(base + b"apps", "POST")
        assert not runs_inline(b"/v2/%74oys/1")
        assert runs_inline(b"/v2/%61pps")
        assert runs_inline(b"/auth")
        assert not runs_inline(b"/docs")
