"""An operation of the API, which describes itself, and a call of it.

The facts (method, path, scopes, schemas, summary …) come from facts.json, which scripts/generate_service.py writes. A
resource adds the handler, and rules that a schema cannot state.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.store.change import Idempotency, Origin
from sunshine_keys.wire.checks import Body, Rules, Schema, Values
from sunshine_keys.wire.request import Request

FACTS: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("facts.json").read_bytes())


class Call(msgspec.Struct, frozen=True):
    """An authenticated and authorised call. `ids` holds the ids in its path, by the names in the template of the path."""

    engine: Engine
    actor: Actor
    request: Request
    body: Values
    ids: Mapping[str, str]

    @property
    def origin(self) -> Origin:
        """Return the origin of the call's changes. Raises BadRequest for a malformed Idempotency-Key."""
        return Origin(self.actor.key_id, self.request.source, self.request.id, self._idempotency())

    def _idempotency(self) -> Idempotency | None:
        key = self.request.idempotency_key() if self.request.method == "POST" else None
        if key is None:
            return None
        # The segments are the same for every base path, so a repetition may use another.
        fingerprint = msgspec.json.encode([self.request.segments, self.body], order="deterministic")
        return Idempotency.of(self.actor.key_id, key, fingerprint)


Handler = Callable[[Call], Awaitable[Any]]


class Operation(msgspec.Struct, frozen=True):
    """An operation. `name` is the description's operation id in snake case, `path` a template such as `/v2/apps/{appId}`.

    `parameters` are the names that the path may contain. `query`, `answer` and the schema of `body` have the form of
    /openapi.json. `errors` has the statuses of this operation alone; openapi.py adds those of all operations. A server may
    run a GET without a task if `runs_inline` is true, so its handler must not compute for long.
    """

    id: str
    name: str
    method: str
    path: str
    parameters: list[str]
    tag: str
    summary: str
    scopes: frozenset[Scope]
    status: int
    query: list[Schema]
    body: Body | None
    answer: Schema
    errors: list[int]
    handler: Handler
    runs_inline: bool = True

    @property
    def is_paged(self) -> bool:
        return any(parameter["name"] == "page[size]" for parameter in self.query)

    @property
    def placeholders(self) -> list[str]:
        """Return the names of the parameters in the path, in its order."""
        return re.findall(r"{(\w+)}", self.path)


def operation(id: str, handler: Handler, *, rules: Rules | None = None, runs_inline: bool = True) -> Operation:
    """Return the operation that the description calls `id`. Raises ValueError for a rule or a schema without a check."""
    facts = FACTS["operations"][id]
    return Operation(
        **facts
        | {
            "id": id,
            "scopes": frozenset(map(Scope, facts["scopes"])),
            "body": None if facts["body"] is None else Body(facts["body"], rules),
            "handler": handler,
            "runs_inline": runs_inline,
        }
    )
