"""Write docs/python.md from the docstrings; with --check, fail where it is not what would be written."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from typing import Any

from pages import keep, table

import sunshine_conversations_client as sc
import sunshine_keys.testing
from sunshine_conversations_client import aio, exceptions, transport
from sunshine_conversations_client._model import Model
from sunshine_keys import pytest_plugin

INTRODUCTION = """\
# Python

<!-- Written by scripts/generate_python_reference.py from the docstrings; change those, not this. -->

The public names of `sunshine_conversations_client`, and of `sunshine_keys.testing`. [The client](client.md) and
[Testing](testing.md) show them at work.

## Operations

Each class takes an `ApiClient`; without one, the default that `ApiClient.get_default()` makes. Each method has two
variants: `…_with_http_info` returns an `ApiResponse`, which has status and headers beside the data, and
`…_without_preload_content` the answer unread. All take these keywords:

| | |
|---|---|
| `_request_timeout` | seconds for the whole call, or a pair: to connect, and for each read; None waits for ever |
| `_headers` | headers that win over the client's own |
| `_request_auth` | other credentials than the configuration's, as a dictionary of an auth setting |
| `_content_type`, `_host_index` | kept from the official client |

A body is a model, or a dictionary with names as they are on the wire. All raise `ApiArgumentError` before anything is sent,
`ApiConnectionError` where no answer came, and [the exception of its status](errors.md) for an answer other than 2xx.
"""

ASYNCHRONOUS = """\
## Asynchronous

`sunshine_conversations_client.aio` has these with the same arguments, to be awaited: {names}. Its `iterate_…` methods are
for `async for`, its `ApiClient` for `async with`. Models, exceptions and `Configuration` are the same.
"""

MODELS = """\
## Models

Fields are keyword arguments, by these names or those on the wire, each optional; what is not set is not sent. Each model has
`to_dict()`, `to_json()`, `to_str()`, `from_dict(…)` and `from_json(…)`, and keeps what it has no field for in
`additional_properties`. An unknown name or a value of the wrong type raises `ApiArgumentError`.
"""

_EVERY_CALL = {"self", "_request_timeout", "_request_auth", "_content_type", "_headers", "_host_index", "legacy"}
_VARIANTS = ("_with_http_info", "_without_preload_content")
_NOT_FOR_CALLERS = {"pool", "rest_client", "execute", "open", "of", "from_response"}
_OF_EVERY_CALL = re.compile(r"\n\nRaises [^.]*; ApiArgumentError before anything is sent;\s+ApiConnectionError[^.]*\.")
_ITEM = re.compile(r"(?:[a-z_]+, )*[a-z_]+: ")


def reference() -> str:
    public = {name: getattr(sc, name) for name in sc.__all__ if name != "__version__"}
    apis = [each for name, each in public.items() if name.endswith("Api")]
    models = [each for each in public.values() if issubclass(each, Model | enum.Enum)]
    errors = [each for each in public.values() if issubclass(each, exceptions.OpenApiException)]
    parts = [INTRODUCTION]
    parts += [_class(each) for each in apis]
    parts += ["## The client\n", *(_class(each) for each in (sc.ApiClient, sc.Configuration, sc.ApiResponse))]
    parts += [ASYNCHRONOUS.format(names=_names(aio.__all__))]
    parts += ["## A transport of your own\n", *(_class(getattr(transport, name)) for name in transport.__all__)]
    parts += ["## Exceptions\n", _tree(errors), *(_class(each) for each in errors if _own_doc(each) and _members(each))]
    parts += [MODELS, table(["model", "fields"], [[f"`{each.__name__}`", _fields(each)] for each in models])]
    parts += ["## Test helpers\n", _told(sunshine_keys.testing.__doc__ or "", lines=1), _fixture()]
    parts += ["### sunshine_server\n", _member("", sunshine_keys.testing.sunshine_server) + "\n"]
    helpers = [getattr(sunshine_keys.testing, name) for name in sunshine_keys.testing.__all__]
    parts += [_class(each) for each in helpers if inspect.isclass(each)]
    told = "\n".join(parts)
    if missing := [name for name in public if f"`{name}" not in told]:
        raise SystemExit(f"docs/python.md would not tell of {missing}")
    return told


def _class(each: type) -> str:
    heading = f"### {each.__name__}\n"
    made = "" if issubclass(each, Exception) or getattr(each, "_is_protocol", False) else _signature(each)
    parts = [heading, f"`{each.__name__}{made}`\n" if made else "", _told(_own_doc(each))]
    if members := _members(each):
        parts.append("\n".join(members) + "\n")
    return "\n".join(part for part in parts if part)


def _own_doc(each: type) -> str:
    return each.__dict__.get("__doc__") or ""


def _members(each: type) -> list[str]:
    """What it has of its own, but the variants of a method and what is for the package itself."""
    shown = [
        (name, getattr(value, "__func__", value))
        for name, value in vars(each).items()
        if name[0] != "_" and name not in _NOT_FOR_CALLERS and not name.endswith(_VARIANTS)
    ]
    return [_member(name, value) for name, value in shown if isinstance(value, property) or inspect.isfunction(value)]


def _member(name: str, value: Any) -> str:
    if isinstance(value, property):
        said, shown = inspect.getdoc(value) or "", f"`{name}`"
    else:
        said = inspect.getdoc(value) or ""
        returned = re.sub(r"^Generator\[(\w+)\]$", r"\1", inspect.signature(value).return_annotation)
        gives = "" if returned in ("None", "object") else f" → `{returned}`"
        shown = f"`{value.__name__}{_signature(value)}`{gives}"
    body = _told(_OF_EVERY_CALL.sub("", said)).strip()
    first, _, rest = body.partition("\n\n")
    indented = "\n\n" + "\n".join(f"  {line}".rstrip() for line in rest.splitlines()) if rest else ""
    return f"- {shown}: {first}{indented}" if first else f"- {shown}"


def _signature(value: Any) -> str:
    shown: list[str] = []
    for each in inspect.signature(value).parameters.values():
        if each.name in _EVERY_CALL or each.name == "cls":
            continue
        if each.kind is each.KEYWORD_ONLY and "*" not in shown and not any(one[0] == "*" for one in shown):
            shown.append("*")
        name = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "") + each.name
        kind = "" if each.annotation is each.empty else f": {_type(each.annotation)}"
        default = "" if each.default is each.empty else (f" = {each.default!r}" if kind else f"={each.default!r}")
        shown.append(f"{name}{kind}{default}")
    return f"({', '.join(shown)})"


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _told(docstring: str, lines: int = 0) -> str:
    """A docstring as Markdown: `name: what it is` becomes a list, and indented examples are left out."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    paragraphs = [each for each in paragraphs if not each.startswith("    ")]
    return "\n\n".join("\n".join(_paragraph(each)) for each in paragraphs[: lines or None]) + "\n"


def _paragraph(text: str) -> Iterator[str]:
    listing = False
    for line in re.sub(r",\n(?=[a-z_]+: )", ", ", text).splitlines():
        if _ITEM.match(line):
            names, _, rest = line.partition(": ")
            yield f"- {_names(names.split(', '))}: {_escaped(rest)}"
            listing = True
        elif listing and line.startswith("Raises"):
            yield ""
            yield _escaped(line)
            listing = False
        else:
            yield ("  " if listing else "") + _escaped(line.strip())


def _escaped(text: str) -> str:
    parts = text.split("`")
    return "`".join(part if i % 2 else re.sub(r"([*_<])", r"\\\1", part) for i, part in enumerate(parts))


def _tree(errors: list[type[Exception]]) -> str:
    """Each exception below its base."""

    def below(base: type[Exception], depth: int) -> Iterator[str]:
        told = " ".join(_own_doc(base).partition("\n\n")[0].split())
        yield "  " * depth + f"- `{base.__name__}`" + (f": {_escaped(told)}" if told else "")
        for each in errors:
            if each.__bases__[0] is base:
                yield from below(each, depth + 1)

    return "\n".join(below(exceptions.OpenApiException, 0)) + "\n"


def _fields(model: Any) -> str:
    if issubclass(model, enum.Enum):
        return ", ".join(f"`{each.name}`" for each in model)
    return ", ".join(f"`{name}`" for name in model._fields) or "none of its own"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fixture() -> str:
    fixture = inspect.getdoc(pytest_plugin.sunshine) or ""
    return f"### The fixture `sunshine`\n\nA `SunshineServer`. {_told(fixture)}"


if __name__ == "__main__":
    keep("python.md", reference())
