"""Render the client's API classes, synchronous and asynchronous."""

from __future__ import annotations

import re
from collections.abc import Iterator

from api_facts import Api, Operation, snake
from client_classes import cap_words, quoted
from client_models import Models
from client_rendering import HEADER, NAME

_EXCEPTIONS = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
    422: "UnprocessableEntityException",
}
_OPTIONS = (
    "_request_timeout: RequestTimeout = UNSET, _request_auth: RequestAuth = None, _content_type: str | None = None,",
    "_headers: RequestHeaders = None, _host_index: int = 0",
)
_PASSED = "(_request_timeout, _request_auth, _content_type, _headers, _host_index)"
_INDENT = " " * 12


def class_of(tag: str) -> str:
    """Return the name of a tag's API class: "OAuth Endpoints" is OAuthEndpointsApi."""
    return cap_words(tag) + "Api"


class Facades:
    """The API classes of all covered operations, by tag."""

    def __init__(self, api: Api, models: Models) -> None:
        self.api = api
        self.models = models
        self.tags: dict[str, list[Operation]] = {}
        for operation in sorted(api.covered.values(), key=lambda operation: (class_of(operation.tag), operation.name)):
            self.tags.setdefault(operation.tag, []).append(operation)

    def render(self, tag: str, *, asynchronous: bool) -> str:
        """Return the source of a tag's module."""
        doc = self.api.overlay["tags"].get(tag) or f"Operations of the group {tag}."
        operations = self.tags[tag]
        body: list[str] = []
        for operation in operations:
            body += _Method(self, operation, asynchronous=asynchronous).lines()
        package = f"{NAME}.aio" if asynchronous else NAME
        constants = [self._constant(operation) for operation in operations]
        text = "\n".join([*constants, *body])
        lines = [f'"""{doc}"""', "", HEADER, "", "from __future__ import annotations", ""]
        lines += ["from typing import TYPE_CHECKING", "", f"from {package}._facade import Api"]
        lines += [f"from {NAME}._operations import UNSET, Operation"]
        lines += self._imports("\n".join(constants), "", "")
        lines += ["", "if TYPE_CHECKING:"]
        if "Iterator[" in text:
            lines += [f"    from collections.abc import {'AsyncIterator' if asynchronous else 'Iterator'}"]
        lines += [f"    from typing import Any{'' if asynchronous else ', Unpack'}", ""]
        lines += [] if asynchronous else [f"    from {NAME}._legacy import LegacyOptions"]
        lines += [f"    from {NAME}._operations import RequestAuth, RequestHeaders, RequestTimeout"]
        if any("FileSource" in line for line in body):
            lines += [f"    from {NAME}._uploads import FileSource"]
        lines += [f"    from {NAME}.api_response import ApiResponse"]
        lines += self._imports("\n".join(body), "    ", "\n".join(constants))
        lines += ["", *constants, "", "", f"class {class_of(tag)}(Api):", f'    """{doc}"""']
        earlier = {
            operation.name: self.api.overlay["earlier_arguments"][operation.id]
            for operation in operations
            if operation.id in self.api.overlay["earlier_arguments"]
        }
        lines += ["", f"    _earlier = {earlier!r}".replace("'", '"')] if earlier and not asynchronous else []
        lines += body
        return "\n".join(lines) + "\n"

    def _imports(self, text: str, indent: str, but: str) -> list[str]:
        """Return the imports of the models that `text` names and `but` does not."""
        named = set(re.findall(r"\w+", re.sub(r'"[^"]*"', "", text))) - set(re.findall(r"\w+", but))
        modules: dict[str, list[str]] = {}
        for name in sorted(named & set(self.models.classes)):
            modules.setdefault(self.models.classes[name].module, []).append(name)
        return [
            f"{indent}from {NAME}.models.{module} import {', '.join(names)}"
            for module, names in sorted(modules.items())
        ]

    def _constant(self, operation: Operation) -> str:
        """Return the assignment that describes an operation to the client."""
        response, body = self.models.response_class(operation), self.models.body_class(operation)
        query = self.models.query_classes(operation)
        path = re.sub(r"{(\w+)}", lambda match: f"{{{snake(match[1])}}}", operation.path)
        arguments = [quoted(operation.method), quoted(path), response or "None"]
        arguments += [f"body={body}"] if body else []
        arguments += ["multipart=True"] if operation.body and not body else []
        pairs = [f"{quoted(name)}: {model or 'None'}" for name, model in query.items()]
        arguments += [f"query={{{', '.join(pairs)}}}"] if query else []
        required = [quoted(part.name) for part in operation.query_parameters if part.required]
        arguments += [f"required=[{', '.join(required)}]"] if required else []
        arguments += [] if operation.scopes else ["authenticated=False"]
        arguments += ["browser=True"] if operation.browser else []
        kind = "" if response else ": Operation[str]" if operation.browser else ": Operation[object]"
        return f"_{operation.name.upper()}{kind} = Operation({', '.join(arguments)})"


class _Method:
    """One operation's three variants, and the iteration over its pages."""

    def __init__(self, facades: Facades, operation: Operation, *, asynchronous: bool) -> None:
        self.facades, self.models, self.operation = facades, facades.models, operation
        self.asynchronous = asynchronous
        self.arguments = {parameter.name: self._argument(parameter.name) for parameter in operation.parameters}
        self.ids = [self.arguments[parameter.name] for parameter in operation.path_parameters]
        self.response = "str" if operation.browser else self.models.response_class(operation) or "object"

    def _argument(self, wire: str) -> str:
        return str(self.facades.api.overlay["arguments"].get(wire, snake(wire)))

    def _query_type(self, name: str) -> str:
        """Return the type of a query parameter: a model or a dictionary, or a plain value."""
        model = self.models.query_classes(self.operation)[name]
        schema = next(part.schema for part in self.operation.query_parameters if part.name == name)
        return f"{model} | dict[str, Any]" if model else self.models.annotate(schema, name)

    def _body(self) -> list[str]:
        """Return the parameters of the body: one model, or the parts of a form."""
        body = self.operation.body
        if body is None:
            return []
        if model := self.models.body_class(self.operation):
            return [f"{self.models.body_argument(self.operation)}: {model} | dict[str, Any]"]
        return [f"{snake(name)}: FileSource" for name in self._parts()]

    def _parts(self) -> list[str]:
        assert self.operation.body is not None
        return list(self.facades.api.resolve(self.operation.body.schema)["properties"])

    def _parameters(self, *, but_page: bool = False) -> list[str]:
        """Return the parameters in the official order: ids, required ones, the body, optional ones."""
        query = [part for part in self.operation.query_parameters if not (but_page and part.name == "page")]
        required = [f"{self.arguments[part.name]}: {self._query_type(part.name)}" for part in query if part.required]
        optional = [
            f"{self.arguments[part.name]}: {self._query_type(part.name)} | None = None"
            for part in sorted(query, key=lambda part: part.name in self.facades.api.overlay["added"])
            if not part.required
        ]
        return [*(f"{name}: str" for name in self.ids), *required, *self._body(), *optional]

    def _head(self, name: str, parameters: list[str], returns: str, *, awaited: bool, legacy: bool) -> list[str]:
        tail = ", **legacy: Unpack[LegacyOptions]" if legacy and not self.asynchronous else ""
        return [
            f"    {'async ' if awaited else ''}def {name}(self, {''.join(f'{parameter}, ' for parameter in parameters)}".rstrip(),
            f"{_INDENT}{_OPTIONS[0]}",
            f"{_INDENT}{_OPTIONS[1]}{tail}) -> {returns}:",
        ]

    def _run(self, method: str, *, legacy: bool) -> str:
        ids = ", ".join(f"{quoted(name)}: {name}" for name in self.ids)
        query = ", ".join(
            f"{quoted(part.name)}: {self.arguments[part.name]}" for part in self.operation.query_parameters
        )
        body = "None"
        if self.operation.body and self.models.body_class(self.operation):
            body = self.models.body_argument(self.operation)
        elif self.operation.body:
            body = f"{{{', '.join(f'{quoted(name)}: {snake(name)}' for name in self._parts())}}}"
        tail = ", legacy" if legacy and not self.asynchronous else ""
        wait = "await " if self.asynchronous else ""
        operation = f"_{self.operation.name.upper()}"
        return f"        return {wait}self.{method}({operation}, {{{ids}}}, {{{query}}}, {body}, {_PASSED}{tail})"

    def _raises(self) -> str:
        statuses = {*self.operation.errors}
        statuses |= {401, 403} if self.operation.scopes else set()
        statuses |= {400} if self.operation.body or self.operation.query_parameters else set()
        statuses |= {404} if self.ids else set()
        names = [name for status, name in _EXCEPTIONS.items() if status in statuses] or ["ApiException"]
        return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)

    def lines(self) -> list[str]:
        name, library = self.operation.name, "aiohttp" if self.asynchronous else "urllib3"
        awaited = self.asynchronous
        parameters = self._parameters()
        return [
            "",
            *self._head(name, parameters, self.response, awaited=awaited, legacy=True),
            f'        """{self.operation.summary or f"Call {self.operation.id}."}',
            "",
            f"        Raises {self._raises()}.",
            '        """',
            self._run("_call", legacy=True),
            "",
            *self._head(
                f"{name}_with_http_info", parameters, f"ApiResponse[{self.response}]", awaited=awaited, legacy=True
            ),
            f'        """Call `{name}` and return its status, headers and bytes too."""',
            self._run("_call_with_info", legacy=True),
            "",
            *self._head(f"{name}_without_preload_content", parameters, "Any", awaited=awaited, legacy=False),
            f'        """Call `{name}` and return {library}\'s response unread, whatever its status."""',
            self._run("_open", legacy=False),
            *(self._iteration() if self.operation.paged and name.startswith("list_") else []),
        ]

    def _iteration(self) -> Iterator[str]:
        name, items = self.operation.name, snake(self.facades.api.items_of(self.operation))
        iterator = "AsyncIterator" if self.asynchronous else "Iterator"
        passed = [*self.ids, *(f"{argument}={argument}" for argument in self._query_arguments()), "page=page"]
        names = ", ".join(f"{option}={option}" for option in _PASSED.strip("()").split(", "))
        yield ""
        yield from self._head(
            f"iterate_{items}",
            [*self._parameters(but_page=True), "size: int = 100"],
            f"{iterator}[{self.models.item_class(self.operation)}]",
            awaited=False,
            legacy=False,
        )
        backwards = self.operation.id in self.facades.api.overlay["backwards"]
        order = ", from the newest to the oldest," if backwards else ""
        yield f'        """Yield all {items.replace("_", " ")} that `{name}` returns{order or ","} and request a page of `size` when it is needed.'
        yield ""
        yield f"        Raises what `{name}` raises."
        yield '        """'
        yield "        return self._iterate("
        yield f"            lambda page: self.{name}({', '.join(passed)}, {names}),"
        yield f"            lambda response: response.{items}, size{', backwards=True' if backwards else ''})"

    def _query_arguments(self) -> list[str]:
        return [self.arguments[part.name] for part in self.operation.query_parameters if part.name != "page"]
