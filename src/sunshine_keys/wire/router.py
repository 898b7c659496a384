"""Find the operation of a method and a path, in a tree with one wildcard branch at each level."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sunshine_keys.errors import MethodNotAllowed, NotFound
from sunshine_keys.wire.operation import Operation


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
        tasks = [operation for operation in operations if operation.method == "GET" and not operation.runs_inline]
        self._needs_task = re.compile("|".join(map(_pattern, tasks)).encode()) if tasks else None

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

    def runs_inline(self, path: bytes) -> bool:
        """Return True if a GET of this raw path, which begins with a base path, may be answered without a task."""
        if self._needs_task is None:
            return True
        return b"%" not in path and not self._needs_task.fullmatch(path)

    def match(self, method: str, segments: Sequence[str]) -> tuple[Operation, dict[str, str]]:
        """Return the operation and the ids in the path. An empty id matches nothing.

        Raises NotFound or MethodNotAllowed.
        """
        node = self._root
        ids: list[str] = []
        for segment in segments:
            child = node.children.get(segment)
            if child is None:
                if node.wildcard is None or not segment:
                    raise NotFound
                ids.append(segment)
                child = node.wildcard
            node = child
        if not node.methods:
            raise NotFound
        served = node.methods.get("GET" if method == "HEAD" else method)
        if served is None:
            allowed = [*node.methods, "HEAD"] if "GET" in node.methods else list(node.methods)
            raise MethodNotAllowed(", ".join(sorted(allowed)))
        operation, names = served
        return operation, dict(zip(names, ids, strict=True))


def _pattern(operation: Operation) -> str:
    """Return a pattern for the operation's path below any base path, with and without second slashes."""
    _, _, *parts = operation.path.split("/")
    return "(?:/sc)?//?v2//?" + "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts)
