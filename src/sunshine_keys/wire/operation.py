"""An operation of the API, which describes itself, and a call of it.

The facts (method, path, scopes, schemas, summary …) come from facts.json, which scripts/generate_service.py writes. A
resource adds the handler, and rules that a schema cannot state. The schemas of the conversation plane's operations are in
a file of their own, which is read at their first use.
"""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.engine import Engine
from sunshine_keys.sealing.sealer import UnknownSealingKey
from sunshine_keys.store.change import Idempotency, Origin
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.checks import Body, Rules, Schema, Values
from sunshine_keys.wire.request import Request

FACTS: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("facts.json").read_bytes())


@functools.cache
def messaging_facts() -> dict[str, Any]:
    """Return the schemas of the conversation plane: those of its operations by id, and the named ones."""
    facts: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("messaging_facts.json").read_bytes())
    return facts


class Call(msgspec.Struct, frozen=True):
    """An authenticated and authorised call. `ids` holds the ids in its path, by the names in the template of the path.

    `upload` is the body of an operation that reads it while it arrives; `body` is then empty.
    """

    engine: Engine
    actor: Actor
    request: Request
    body: Values
    ids: Mapping[str, str]
    upload: AsyncGenerator[bytes] | None = None

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


class OpenCall(msgspec.Struct, frozen=True):
    """A call of an operation that needs no key.

    `clock` returns seconds since 1970. `consent_page` is the path of the page that asks a person for consent; "" if this
    service shows no pages.
    """

    engine: Engine
    admission: Admission
    request: Request
    clock: Callable[[], float]
    consent_page: str


Handler = Callable[[Any], Awaitable[Any]]
"""It takes a Call, or an OpenCall if the operation has no scopes."""


class Operation(msgspec.Struct, frozen=True, dict=True):
    """An operation. `name` is the description's operation id in snake case, `path` a template such as `/v2/apps/{appId}`.

    `parameters` are the names that the path may contain. `query`, `answer` and the schema of `body` have the form of
    /openapi.json. `errors` has the statuses of this operation alone; openapi.py adds those of all operations. A server may
    run a GET without a task if `runs_inline` is true, so its handler must not compute for long.

    `is_messaging` marks an operation of the conversation plane. A body may be missing if `needs_body` is false.
    An operation with `upload_bytes` takes a form with a file of at most so many bytes, which its handler reads while it
    arrives; the others take JSON.
    An operation without `scopes` needs no key. One that `is_oauth` takes a form too, and its errors are those of RFC 6749.
    `example_query` is the query of an example, which may hold shell variables.
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
    errors: list[int]
    handler: Handler
    is_messaging: bool = False
    needs_body: bool = False
    upload_bytes: int = 0
    is_oauth: bool = False
    example_query: str = ""
    runs_inline: bool = True
    rules: Rules | None = None

    @property
    def _schemas(self) -> dict[str, Any]:
        facts: dict[str, Any] = messaging_facts() if self.is_messaging else FACTS
        schemas: dict[str, Any] = facts["operations"][self.id]
        return schemas

    @property
    def query(self) -> list[Schema]:
        query: list[Schema] = self._schemas["query"]
        return query

    @functools.cached_property
    def body(self) -> Body | None:
        """The checks of the body; None if there is no body. Raises ValueError for a rule or a schema without a check."""
        schema = self._schemas["body"]
        return None if schema is None else Body(schema, self.rules)

    @property
    def answer(self) -> Schema:
        answer: Schema = self._schemas["answer"]
        return answer

    async def run(self, call: Call) -> Any:
        """Return what the handler returns. If a secret is sealed with an unknown key, reload the ring and repeat the call."""
        while True:
            try:
                return await self.handler(call)
            except UnknownSealingKey as unknown:
                # Reads and updates can be repeated. A create does not raise this: it has the key of everything that it sealed.
                await call.engine.reloader.require(unknown.key_id)

    @property
    def is_paged(self) -> bool:
        return any(parameter["name"] == "page[size]" for parameter in self.query)

    @property
    def placeholders(self) -> list[str]:
        """Return the names of the parameters in the path, in its order."""
        return re.findall(r"{(\w+)}", self.path)


def operation(id: str, handler: Handler, *, rules: Rules | None = None, runs_inline: bool = True) -> Operation:
    """Return the operation that the description calls `id`. Raises ValueError for a rule or a schema without a check."""
    described = Operation(handler=handler, runs_inline=runs_inline, rules=rules, **_metadata(id))
    described.body  # noqa: B018 - raises ValueError now, not at the first request
    return described


def messaging_operations(handler: Callable[[str], Handler]) -> list[Operation]:
    """Return the operations of the conversation plane. `handler` returns the handler of an operation id."""
    ids = [id for id, facts in FACTS["operations"].items() if facts["is_messaging"]]
    return [Operation(handler=handler(id), **_metadata(id)) for id in ids]


def _metadata(id: str) -> dict[str, Any]:
    facts = {name: fact for name, fact in FACTS["operations"][id].items() if name not in ("query", "body", "answer")}
    return facts | {"id": id, "scopes": frozenset(map(Scope, facts["scopes"]))}
