"""Every operation with every published example: the request is the documented one, and the answer comes back whole."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from api_facts import Operation, snake
from client_facades import class_of
from support.drivers import Driver
from support.examples import API, Example, example_of, examples, flat, forms, path_of
from support.scripts import NewClient, NewScript, Script, answer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._model import Model

OPERATIONS = [operation for operation in API.operations.values() if not operation.browser]
EXCEPTIONS = {
    400: sunshine.BadRequestException,
    401: sunshine.UnauthorizedException,
    403: sunshine.ForbiddenException,
    404: sunshine.NotFoundException,
    409: sunshine.ConflictException,
    422: sunshine.UnprocessableEntityException,
}


def test_every_operation_has_examples() -> None:
    cases = [example for operation in OPERATIONS for example in examples(operation)]
    assert len(cases) == 149
    assert sum(2 if case.body is not None else 1 for case in cases) == 221  # as a model and as a dictionary
    assert {case.operation.id for case in cases} == set(API.operations) - {"Authorize"}


def method_of(driver: Driver, client: Any, operation: Operation, variant: str = "") -> Any:
    return getattr(getattr(driver, class_of(operation.tag))(client), operation.name + variant)


def body_class(operation: Operation) -> type[Model]:
    """Return the model that the method's signature names for the body."""
    import inspect

    method = getattr(getattr(sunshine, class_of(operation.tag)), operation.name)
    parameters = list(inspect.signature(method).parameters.values())
    annotation = next(str(part.annotation) for part in parameters if str(part.annotation).endswith("dict[str, Any]"))
    model: type[Model] = getattr(sunshine, annotation.partition(" ")[0])
    return model


def calls(example: Example) -> list[tuple[str, Any]]:
    """Return the body of an example in all its forms; one form without a body for an operation that has none."""
    if example.body is None:
        return [("no body", None)]
    return list(forms(body_class(example.operation), example.body))


def arguments_of(operation: Operation, body: Any, *, as_models: bool) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return the arguments of a call in the order of the signature, and the query that they document."""
    ids, _ = path_of(operation)
    required: list[Any] = []
    optional: list[Any] = []
    query: list[tuple[str, str]] = []
    for parameter in sorted(operation.query_parameters, key=lambda part: part.name in API.overlay["added"]):
        value = example_of(parameter.schema)
        if parameter.name == "page":
            value.pop("before")
        if parameter.nested:
            query += [(f"{parameter.name}[{name}]", str(part)) for name, part in value.items()]
            model = "Page" if parameter.name == "page" else f"{operation.id.removeprefix('List').rstrip('s')}ListFilter"
            value = flat(getattr(sunshine, model), value) if as_models else value
        else:
            query.append((parameter.name, str(value)))
        (required if parameter.required else optional).append(value)
    if operation.body and operation.body.content_type != "application/json":
        body = ("picture.png", b"\x89PNG")
    return [*ids, *required, *([] if body is None else [body]), *optional], query


def request_of(script: Script) -> tuple[str, str, list[tuple[str, str]], Any]:
    head, _, body = script.requests[-1].partition(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
    path, _, query = target.partition("?")
    is_json = b"content-type: application/json" in head.lower()
    return method, path, sorted(parse_qsl(query)), json.loads(body) if is_json and body else None


def documented_body(operation: Operation, body: Any) -> Any:
    """Return a body without the fields that only the service sets."""
    return body if body is None or operation.body is None else _writable(operation.body.schema, body)


def _writable(schema: dict[str, Any], value: Any) -> Any:
    resolved = API.resolve(schema)
    if isinstance(value, list):
        return [_writable(resolved.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    kinds = API.kinds(schema)
    properties = API.resolve(kinds.get(value.get("type"), resolved)).get("properties", {})
    writable = {name: part for name, part in value.items() if not API.resolve(properties.get(name, {})).get("readOnly")}
    return {name: _writable(properties.get(name, {}), part) for name, part in writable.items()}


def plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Model) else value


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_example_is_sent_as_documented_and_returned_whole(
    driver: Driver, new_client: NewClient, script: NewScript, operation: Operation
) -> None:
    _, path = path_of(operation)
    for example in examples(operation):
        for form, body in calls(example):
            reply = answer(f"{example.status} Status", json.dumps(example.answer).encode())
            server = script(reply)
            client = new_client(server.url, username="app_1", password="s", retries=False)
            method = method_of(driver, client, operation)
            arguments, query = arguments_of(operation, body, as_models="models" in form)
            if example.status >= 400:
                with pytest.raises(EXCEPTIONS.get(example.status, sunshine.ApiException)) as raised:
                    method(*arguments)
                assert raised.value.status == example.status
                assert json.loads(raised.value.body) == example.answer
                assert raised.value.title == example.answer["errors"][0]["title"]
            else:
                assert plain(method(*arguments)) == example.answer, form
            sent = request_of(server)
            assert sent[:3] == (operation.method, path, sorted(query)), form
            assert sent[3] == documented_body(operation, example.body), (example.name, form)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_variant_of_a_method_sends_the_same_request(
    driver: Driver, new_client: NewClient, script: NewScript, operation: Operation
) -> None:
    example = next(example for example in examples(operation) if example.status == operation.status)
    arguments, _ = arguments_of(operation, example.body, as_models=False)
    reply = answer(f"{example.status} Status", json.dumps(example.answer).encode(), X_Own="x")
    server = script(reply, reply, reply)
    client = new_client(server.url, username="app_1", password="s", retries=False)
    method_of(driver, client, operation)(*arguments)
    first = request_of(server)
    info = method_of(driver, client, operation, "_with_http_info")(*arguments)
    assert (info.status_code, plain(info.data), info.headers["x-own"]) == (example.status, example.answer, "x")
    assert json.loads(info.raw_data) == example.answer
    assert request_of(server) == first
    raw = method_of(driver, client, operation, "_without_preload_content")(*arguments)
    assert raw.status == example.status
    assert json.loads(driver.read(raw)) == example.answer
    assert request_of(server) == first


def test_arguments_are_named_after_the_description() -> None:
    import inspect

    for operation in OPERATIONS:
        method = getattr(getattr(sunshine, class_of(operation.tag)), operation.name)
        names = list(inspect.signature(method).parameters)
        for parameter in operation.parameters:
            assert API.overlay["arguments"].get(parameter.name, snake(parameter.name)) in names
