"""Write docs/python.md from the docstrings. With --check, fail if the page is out of date."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from typing import Any

from pages import keep, table

import sunshine_conversations_client as sc
import sunshine_keys.testing
from sunshine_conversations_client import aio, exceptions, transport, webhooks
from sunshine_conversations_client._model import Model
from sunshine_keys import pytest_plugin

INTRODUCTION = """\
# Python

<!-- Written by scripts/generate_python_reference.py from the docstrings. Change those, not this page. -->

This page lists the public names of `sunshine_conversations_client` and of `sunshine_keys.testing`. [The client](client.md) and
[Testing](testing.md) show how to use them.

## Operations

Each class takes an `ApiClient`. Without one it uses `ApiClient.get_default()`. Each method has two variants:

- `…_with_http_info` returns an `ApiResponse`, which has the status and the headers as well as the data.
- `…_without_preload_content` returns the HTTP library's response with its body unread.

All methods take these keywords:

| keyword | value |
|---|---|
| `_request_timeout` | seconds for the whole call, a pair (seconds to connect, seconds for each read), or None for no limit |
| `_headers` | a dictionary of headers, which win over the client's own |
| `_request_auth` | credentials for this call: `{"in": "header", "key": "Authorization", "value": "Bearer …", "type": "bearer"}` |
| `_content_type`, `_host_index` | accepted as in the official client |

A body is a model, or a dictionary with the names of the API. All methods raise `ApiArgumentError` for invalid arguments before
they send anything, `ApiConnectionError` if no answer arrives, and [the exception of the status](errors.md) for an answer other
than 2xx.
"""

ASYNCHRONOUS = """\
## Asynchronous

`sunshine_conversations_client.aio` has {names}, with the same arguments. You await the methods. The `iterate_…` methods are
for `async for`, and `ApiClient` is for `async with`. Models, exceptions and `Configuration` are the same.
"""

MODELS = """\
## Models

Fields are optional keyword arguments, under these names or those of the API. The client does not send fields that you do not
set. Each model has `to_dict()`, `to_json()`, `to_str()`, `from_dict(…)` and `from_json(…)`. `to_body()` returns what a request
sends: it leaves out the fields that only the service sets. Properties of an answer without a field are in
`additional_properties`. An unknown name or a value of the wrong type raises `ApiArgumentError`.
"""

EARLIER = """\
Versions 9 to 16 had other names for some models, and names ending in `AllOf` for a part of their fields. They are names of the
whole models here: {names}.
"""

_EVERY_CALL = {"self", "_request_timeout", "_request_auth", "_content_type", "_headers", "_host_index", "legacy"}
_VARIANTS = ("_with_http_info", "_without_preload_content")
_NOT_FOR_CALLERS = {"pool", "rest_client", "execute", "open", "of", "from_response"}
_OF_EVERY_CALL = re.compile(r"\n\nRaises (?:[A-Z]\w+(?:, | or )?)+\.")
_ITEM = re.compile(r"(?:[a-z_]+, )*[a-z_]+: ")


def reference() -> str:
    public = {name: getattr(sc, name) for name in sc.__all__ if name != "__version__"}
    apis = [cls for name, cls in public.items() if name.endswith("Api")]
    models = [cls for name, cls in public.items() if issubclass(cls, Model | enum.Enum) and name == cls.__name__]
    earlier = [name for name, cls in public.items() if issubclass(cls, Model) and name != cls.__name__]
    errors = [cls for cls in public.values() if issubclass(cls, exceptions.OpenApiException)]
    parts = [INTRODUCTION]
    parts += [_class(cls) for cls in apis]
    parts += ["## The client\n", *(_class(cls) for cls in (sc.ApiClient, sc.Configuration, sc.ApiResponse, sc.Upload))]
    parts += [ASYNCHRONOUS.format(names=_names(aio.__all__))]
    parts += ["## Webhooks\n\n`sunshine_conversations_client.webhooks` has one function:\n"]
    parts += [_member("", webhooks.parse) + "\n"]
    parts += ["## A transport of your own\n", *(_class(getattr(transport, name)) for name in transport.__all__)]
    parts += ["## Exceptions\n", _tree(errors), *(_class(cls) for cls in errors if _own_doc(cls) and _members(cls))]
    parts += [MODELS, table(["model", "fields"], [[f"`{cls.__name__}`", _fields(cls)] for cls in models])]
    parts += [EARLIER.format(names=", ".join(f"`{name}` (`{public[name].__name__}`)" for name in earlier))]
    parts += ["## Test fixture\n", _markdown(sunshine_keys.testing.__doc__ or "", lines=1), _fixture()]
    parts += ["### sunshine_server\n", _member("", sunshine_keys.testing.sunshine_server) + "\n"]
    classes = [getattr(sunshine_keys.testing, name) for name in sunshine_keys.testing.__all__]
    parts += [_class(cls) for cls in classes if inspect.isclass(cls)]
    page = "\n".join(parts)
    if missing := [name for name in public if f"`{name}" not in page]:
        raise SystemExit(f"docs/python.md would lack {missing}")
    return page


def _class(cls: type) -> str:
    heading = f"### {cls.__name__}\n"
    signature = "" if issubclass(cls, Exception) or getattr(cls, "_is_protocol", False) else _signature(cls)
    parts = [heading, f"`{cls.__name__}{signature}`\n" if signature else "", _markdown(_own_doc(cls))]
    if members := _members(cls):
        parts.append("\n".join(members) + "\n")
    return "\n".join(part for part in parts if part)


def _own_doc(cls: type) -> str:
    return cls.__dict__.get("__doc__") or ""


def _members(cls: type) -> list[str]:
    """Describe the members that a class defines, without the variants of a method and the names for this package only."""
    shown = [
        (name, getattr(value, "__func__", value))
        for name, value in vars(cls).items()
        if name[0] != "_" and name not in _NOT_FOR_CALLERS and not name.endswith(_VARIANTS)
    ]
    return [_member(name, value) for name, value in shown if isinstance(value, property) or inspect.isfunction(value)]


def _member(name: str, value: Any) -> str:
    if isinstance(value, property):
        doc, shown = inspect.getdoc(value) or "", f"`{name}`"
    else:
        doc = inspect.getdoc(value) or ""
        returned = re.sub(r"^Generator\[(\w+)\]$", r"\1", inspect.signature(value).return_annotation)
        result = "" if returned in ("None", "object") else f" → `{returned}`"
        shown = f"`{value.__name__}{_signature(value)}`{result}"
    body = _markdown(_OF_EVERY_CALL.sub("", doc)).strip()
    first, _, rest = body.partition("\n\n")
    indented = "\n\n" + "\n".join(f"  {line}".rstrip() for line in rest.splitlines()) if rest else ""
    return f"- {shown}: {first}{indented}" if first else f"- {shown}"


def _signature(value: Any) -> str:
    shown: list[str] = []
    for parameter in inspect.signature(value).parameters.values():
        if parameter.name in _EVERY_CALL or parameter.name == "cls":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown and not any(part[0] == "*" for part in shown):
            shown.append("*")
        name = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "") + parameter.name
        kind = "" if parameter.annotation is parameter.empty else f": {_type(parameter.annotation)}"
        default = (
            ""
            if parameter.default is parameter.empty
            else (f" = {parameter.default!r}" if kind else f"={parameter.default!r}")
        )
        shown.append(f"{name}{kind}{default}")
    return f"({', '.join(shown)})"


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _markdown(docstring: str, lines: int = 0) -> str:
    """Render a docstring as Markdown. Lines of the form `name: text` become a list; indented examples are dropped."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    paragraphs = [paragraph for paragraph in paragraphs if not paragraph.startswith("    ")]
    return "\n\n".join("\n".join(_paragraph(paragraph)) for paragraph in paragraphs[: lines or None]) + "\n"


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
    """Render the exceptions as a list in which each stands below its base."""

    def below(base: type[Exception], depth: int) -> Iterator[str]:
        summary = " ".join(_own_doc(base).partition("\n\n")[0].split())
        yield "  " * depth + f"- `{base.__name__}`" + (f": {_escaped(summary)}" if summary else "")
        for cls in errors:
            if cls.__bases__[0] is base:
                yield from below(cls, depth + 1)

    return "\n".join(below(exceptions.OpenApiException, 0)) + "\n"


def _fields(model: Any) -> str:
    if issubclass(model, enum.Enum):
        return ", ".join(f"`{member.name}`" for member in model)
    return ", ".join(f"`{name}`" for name in model._fields) or "none of its own"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fixture() -> str:
    fixture = inspect.getdoc(pytest_plugin.sunshine) or ""
    return f"### The fixture `sunshine`\n\nA `SunshineServer`. {_markdown(fixture)}"


if __name__ == "__main__":
    keep("python.md", reference())
