"""The generator: it can express every operation of the description, and the files in the tree are what it writes."""

from __future__ import annotations

import generate_client
import pytest
from api_facts import Api, load
from client_facades import Facades
from client_models import Models
from client_rendering import render


@pytest.fixture(scope="module")
def everything() -> Api:
    """The description with every operation covered."""
    api = load()
    return Api(api.facts, api.overlay | {"operations": dict.fromkeys(api.operations, "Call it.")})


def test_every_operation_of_the_description_can_be_generated(everything: Api) -> None:
    models = Models(everything)
    facades = Facades(everything, models)
    for module in models.modules():
        compile(render(models, module), module, "exec")
    for tag in facades.tags:
        for asynchronous in (False, True):
            source = facades.render(tag, asynchronous=asynchronous)
            compile(source, tag, "exec")
            assert all(f"def {operation.name}(" in source for operation in facades.tags[tag])


def test_unions_have_their_kinds(everything: Api) -> None:
    classes = Models(everything).classes
    assert classes["Content"].keywords == 'tag="type"'
    assert classes["Link"].bases == ["Action", "ActionSubset"] or classes["Link"].bases == ["ActionSubset", "Action"]
    assert classes["MatchCriteriaTwilio"].bases == ["MatchCriteriaBase"]
    assert [part.name for part in classes["MessageOverride"].fields] == ["apple", "line", "messenger", "whatsapp"]


def test_operations_without_security_are_sent_without_credentials(everything: Api) -> None:
    facades = Facades(everything, Models(everything))
    constants = {operation.id: facades._constant(operation) for operation in everything.covered.values()}
    assert {name for name, constant in constants.items() if "authenticated=False" in constant} == {
        "Authorize",
        "GetToken",
    }


def test_an_operation_that_only_redirects_is_for_a_browser(everything: Api) -> None:
    facades = Facades(everything, Models(everything))
    assert [operation.id for operation in everything.covered.values() if operation.browser] == ["Authorize"]
    for asynchronous in (False, True):
        source = facades.render("OAuth Endpoints", asynchronous=asynchronous)
        assert "_AUTHORIZE: Operation[str] = Operation(" in source
        assert "authenticated=False, browser=True)" in source
        assert "-> ApiResponse[str]:" in source


def test_messages_are_iterated_backwards_and_every_other_list_forwards(everything: Api) -> None:
    facades = Facades(everything, Models(everything))
    for asynchronous in (False, True):
        sources = {tag: facades.render(tag, asynchronous=asynchronous) for tag in facades.tags}
        assert "lambda response: response.messages, size, backwards=True)" in sources["Messages"]
        assert [tag for tag, source in sources.items() if "backwards" in source] == ["Messages"]
        assert sum(source.count("def iterate_") for source in sources.values()) == 6


def test_every_nested_query_parameter_has_a_model(everything: Api) -> None:
    models = Models(everything)
    names = {
        f"{operation.id}.{name}": model
        for operation in everything.covered.values()
        for name, model in models.query_classes(operation).items()
        if name in ("page", "filter")
    }
    assert len(names) == 10
    assert set(names.values()) == {
        "Page", "AppListFilter", "ConversationListFilter", "IntegrationListFilter", "UserListFilter",
    }  # fmt: skip


def test_a_filter_whose_example_holds_commas_takes_a_list(everything: Api) -> None:
    classes = Models(everything).classes
    assert {name for name, model in classes.items() if any(part.joined for part in model.fields)} == {
        "IntegrationListFilter"
    }


def test_generated_files_are_current() -> None:
    assert list(generate_client.stale(generate_client.outputs())) == []
