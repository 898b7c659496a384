"""Names, import paths, arguments and fields of the official packages 17.0.1 and 16.0.1, recorded from these in official/."""

from __future__ import annotations

import enum
import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
from sunshine_conversations_client._model import Model
from sunshine_conversations_client._unions import OneOf

FOLDER = Path(__file__).parent / "official"
V17: dict[str, Any] = json.loads((FOLDER / "17.0.1.json").read_text())
V16: dict[str, Any] = json.loads((FOLDER / "16.0.1.json").read_text())

UNIONS = {"Action", "ActionSubset", "ActivityMessage", "Content", "IntegrationUpdate", "MatchCriteria", "QuotedMessage"}
"""Models that were one flat class before 17. Their first positional arguments are those of the kind."""


@pytest.mark.parametrize("version", [V17, V16], ids=["17.0.1", "16.0.1"])
def test_every_name_can_be_imported_from_the_package_and_from_its_module(version: dict[str, Any]) -> None:
    count = 0
    for module, names in version["names"].items():
        paths = [module, module.replace("model.", "models.")] if module.startswith("model.") else [module]
        for name in names:
            for path in paths:
                imported = importlib.import_module(f"sunshine_conversations_client.{path}")
                assert getattr(imported, name) is getattr(sunshine, name)
            count += 1
    assert count >= 287


@pytest.mark.parametrize("api", V17["methods"])
def test_every_method_has_its_arguments_in_their_order(api: str) -> None:
    for name, official in V17["methods"][api].items():
        for package in (sunshine, aio):
            for suffix in ("", "_with_http_info", "_without_preload_content"):
                method = getattr(getattr(package, api), name + suffix)
                arguments = [part for part in inspect.signature(method).parameters if part[0] != "_"]
                arguments = [part for part in arguments if part not in ("self", "legacy")]
                assert arguments[: len(official)] == official
                assert arguments[len(official) :] in ([], ["brand_id"])


@pytest.mark.parametrize("name", V17["fields"])
def test_every_model_has_its_fields(name: str) -> None:
    model = getattr(sunshine, name)
    if issubclass(model, Model):
        known = {*model._fields, *model._aliases}
        assert set(V17["fields"][name]) <= known


@pytest.mark.parametrize("name", V17["wrappers"])
def test_every_wrapper_is_a_union(name: str) -> None:
    assert issubclass(getattr(sunshine, name), OneOf)


def test_enumerations_have_their_members_and_print_the_text() -> None:
    assert V17["enumerations"]
    for name, members in V17["enumerations"].items():
        enumeration = getattr(sunshine, name)
        assert issubclass(enumeration, enum.Enum)
        for member, text in members.items():
            assert getattr(enumeration, member) == text == str(getattr(enumeration, member))


@pytest.mark.parametrize("name", sorted(set(V16["positional"]) - UNIONS))
def test_positional_arguments_have_the_order_of_earlier_versions(name: str) -> None:
    model = getattr(sunshine, name)
    if issubclass(model, Model):
        names = V16["positional"][name]
        order = list(model._positional or model._fields)
        assert order[: len(names)] == names
        built = model(*["x" if part == "type" else None for part in names])
        assert built.to_dict().get("type", "x") == "x"
