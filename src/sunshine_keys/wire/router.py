"""Find the operation of a method and a path, in a tree with one wildcard branch at each level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sunshine_keys.errors import MethodNotAllowed, NotFound
from sunshine_keys.wire.operation import Operation

Match: TypeAlias = tuple[Operation, dict[str, str]]
"""An operation, and the ids in the path of a request."""


class _Node:
    __slots__ = ("children", "methods", "wildcard")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.wildcard: _Node | None = None
        self.methods: dict[str, tuple[Operation, list[str]]] = {}
        """The operations of this path by method, each with the names of its parameters."""


class Router:
    """The operations that a service serves."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        """Raise ValueError for two operations with one method and path, and for an invalid parameter.

        A parameter is invalid if the operation does not have it, or if a brace is inside a part of the path.
        """
        self.operations = list(operations)
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        node = self._root
        for part in operation.path[1:].split("/"):
            node = self._child(node, part, operation)
        if operation.method in node.methods:
            raise ValueError(f"{operation.method} {operation.path} has two operations")
        node.methods[operation.method] = operation, operation.placeholders

    @staticmethod
    def _child(node: _Node, part: str, operation: Operation) -> _Node:
        if not {"{", "}"} & set(part):
            return node.children.setdefault(part, _Node())
        name = part.removeprefix("{").removesuffix("}")
        if part != f"{{{name}}}" or name not in operation.parameters:
            raise ValueError(f"{operation.path}: {part} is not one of its parameters")
        if node.wildcard is None:
            node.wildcard = _Node()
        return node.wildcard

    def find(self, method: str, segments: Sequence[str]) -> Match | None:
        """Return the operation and the ids in the path, or None. An empty id matches nothing."""
        ids: list[str] = []
        node = self._node(segments, ids)
        if node is None or (served := node.methods.get(method)) is None:
            return None
        operation, names = served
        return operation, dict(zip(names, ids, strict=True))

    def match(self, method: str, segments: Sequence[str]) -> Match:
        """Return the operation and the ids in the path. An empty id matches nothing.

        Raises NotFound or MethodNotAllowed.
        """
        match = self.find("GET" if method == "HEAD" else method, segments)
        if match is not None:
            return match
        node = self._node(segments, [])
        if node is None or not node.methods:
            raise NotFound
        allowed = [*node.methods, "HEAD"] if "GET" in node.methods else list(node.methods)
        raise MethodNotAllowed(", ".join(sorted(allowed)))

    def _node(self, segments: Sequence[str], ids: list[str]) -> _Node | None:
        """Return the node of a path, or None. Append the ids in the path to `ids`."""
        node = self._root
        for segment in segments:
            child = node.children.get(segment)
            if child is None:
                child = node.wildcard
                if child is None or not segment:
                    return None
                ids.append(segment)
            node = child
        return node
