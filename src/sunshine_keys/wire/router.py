"""From a path's segments to its operations: a tree with one wildcard branch a level."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import MethodNotAllowed, NotFound
from sunshine_keys.wire.operations import OPERATIONS, Operation

_PARAMETERS = {"{appId}": "app_id", "{integrationId}": "integration_id", "{keyId}": "leaf_id", "{webhookId}": "leaf_id"}


class _Node:
    __slots__ = ("children", "methods", "parameter", "wildcard")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.wildcard: _Node | None = None
        self.parameter = ""
        self.methods: dict[str, Operation] | None = None


def _tree() -> _Node:
    root = _Node()
    for path, methods in OPERATIONS.items():
        node = root
        for part in path[1:].split("/"):
            if part in _PARAMETERS:
                node.wildcard = node.wildcard or _Node()
                node.parameter = _PARAMETERS[part]
                node = node.wildcard
            else:
                node = node.children.setdefault(part, _Node())
        node.methods = {method: msgspec.structs.replace(each, path=path) for method, each in methods.items()}
    return root


_ROOT = _tree()


def match(method: str, segments: list[str]) -> tuple[Operation, dict[str, Any]]:
    """The operation and the ids in its path. Raises NotFound or MethodNotAllowed. An empty id names nothing."""
    node = _ROOT
    ids: dict[str, Any] = {}
    for segment in segments:
        child = node.children.get(segment)
        if child is None:
            if node.wildcard is None or not segment:
                raise NotFound
            ids[node.parameter] = segment
            child = node.wildcard
        node = child
    if node.methods is None:
        raise NotFound
    operation = node.methods.get("GET" if method == "HEAD" else method)
    if operation is None:
        allowed = [*node.methods, "HEAD"] if "GET" in node.methods else list(node.methods)
        raise MethodNotAllowed(", ".join(sorted(allowed)))
    return operation, ids
