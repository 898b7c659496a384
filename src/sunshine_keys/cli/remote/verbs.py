"""`list`, `create`, `show` and `delete` of every resource in the table, each written once."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from sunshine_keys.cli.exits import Exit, complain, printable, stop
from sunshine_keys.cli.listing import Group
from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote import asking, output
from sunshine_keys.cli.remote.bulk import create_from, delete_matching
from sunshine_keys.cli.remote.options import OPTIONS, App, Common, Integration, parameter
from sunshine_keys.cli.remote.resources import RESOURCES, Field, Resource
from sunshine_keys.cli.remote.session import Session, session

Command = Callable[..., None]

_ID = Annotated[list[str], typer.Argument(metavar="ID...", help="Which ones, by their ids.")]
_YES = Annotated[bool, typer.Option("--yes", envvar="SUNSHINE_KEYS_YES", help="Do it without asking.")]
_REVEAL = Annotated[
    bool, typer.Option("--reveal", envvar="SUNSHINE_KEYS_REVEAL", help="Show secrets, too; else they are masked.")
]
_BODY = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        allow_dash=True,
        help="The JSON object to send, as the API takes it; - is standard input. The other options are set in it.",
    ),
]
_FROM = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Create a key for each row of a CSV file of names. To continue after an interruption, run the same command"
        " again within 24 hours: unchanged rows get no second key. Later, each row gets a new key.",
    ),
]
_MATCH = Annotated[
    str | None,
    typer.Option(metavar="PATTERN", help="All whose names match: * is any text, ? a character, [a-c] one of some."),
]


def _field_parameter(field: Field) -> inspect.Parameter:
    told = field.help if field.default is None else f"{field.help} {field.default} if not given."
    if not field.parameter.startswith("--"):
        # May be missing, since --body or --from can have it.
        return parameter(
            field.name,
            Annotated[str | None, typer.Argument(metavar=field.parameter, help=told, show_default=False)],
            None,
        )
    kind = list[str] | None if field.many else str | None
    return parameter(field.name, Annotated[kind, typer.Option(field.parameter, help=told)], None)


def _owner_parameters(resource: Resource) -> list[inspect.Parameter]:
    owners = [parameter("app", App, None)] if resource.in_app else []
    return [*owners, parameter("integration", Integration, None)] if resource.integration else owners


def _owners(resource: Resource, open_session: Session, given: dict[str, Any]) -> dict[str, str]:
    """The ids that come before the resource's own in a path, in their order."""
    owners: dict[str, str] = {}
    if resource.in_app:
        owners["app_id"] = open_session.app_id(given["app"])
    if integration := given.get("integration"):
        owners["integration_id"] = integration
    elif resource.integration == "needed":
        stop(
            Exit.USAGE,
            "name the integration by --integration (or SUNSHINE_KEYS_INTEGRATION)",
            "See which there are: sunshine-keys integrations list",
        )
    return owners


def _list(resource: Resource, given: dict[str, Any], common: Common) -> None:
    with _session(given) as opened:
        found = resource.list(opened.client, _owners(resource, opened, given))
        if common.quiet:
            for each in found:
                output.emit_id(each.id)
        elif common.as_json:
            output.print_json([output.told(each, reveal=given["reveal"]) for each in found])
        else:
            output.print_objects(found, resource.columns, reveal=given["reveal"])


def _show(resource: Resource, given: dict[str, Any], common: Common) -> None:
    with _session(given) as opened:
        owners = _owners(resource, opened, given)
        shown = [resource.show(opened.client, owners, each) for each in given["ids"]]
    if common.quiet:
        for each in shown:
            output.emit_id(each.id)
    elif common.as_json:
        made = [output.told(each, reveal=given["reveal"]) for each in shown]
        output.print_json(made[0] if len(made) == 1 else made)
    else:
        for each in shown:
            output.print_object(each, reveal=given["reveal"])


def _create(resource: Resource, given: dict[str, Any], common: Common) -> None:
    body = _body(resource, given)
    if sys.stdout is None:
        stop(Exit.USAGE, "standard output is closed, and what is made could not be shown: nothing was made")
    with _session(given) as opened:
        owners = _owners(resource, opened, given)
        if given.get("from_"):
            create_from(resource, opened, owners, given["from_"], common)
            return
        made, _ = resource.create(opened.client, owners, body)
    if common.as_json:
        output.print_json(output.told(made, reveal=True))
    elif common.quiet:
        secret = getattr(made, "secret", None) if resource.name == "keys" else None
        output.emit_id(secret or made.id)
        if secret:
            complain(f"made {made.id}; standard output has its secret alone")
    else:
        output.print_object(made, reveal=True)


def _delete(resource: Resource, given: dict[str, Any], common: Common) -> None:
    pattern = given.get("match")
    if (pattern is None) == (not given["ids"]):
        raise typer.BadParameter("name the ids of what is to be deleted" + (", or --match" if "match" in given else ""))
    with _session(given) as opened:
        owners = _owners(resource, opened, given)
        if pattern is not None:
            delete_matching(resource, opened, owners, pattern, common, yes=given["yes"])
            return
        for each in given["ids"]:
            if not given["yes"]:
                _confirm(resource, resource.show(opened.client, owners, each))
            resource.delete(opened.client, owners, each)
            _say_deleted(resource, each, common)


def _say_deleted(resource: Resource, each: str, common: Common) -> None:
    if common.as_json:
        output.print_json({"id": each, "deleted": True})
    elif common.quiet:
        output.emit(each)
    else:
        output.emit(f"Deleted {resource.one} {each}.")


def _confirm(resource: Resource, found: Any) -> None:
    name = getattr(found, "display_name", None) or getattr(found, "target", None) or ""
    asking.require_yes(f'Delete {resource.one} {found.id} "{printable(str(name))}"? Then {resource.gone}.')


def _body(resource: Resource, given: dict[str, Any]) -> dict[str, Any]:
    """What is sent: the object in --body, and over it what was given by name."""
    if given.get("from_"):
        if given["body"] or any(given[field.name] for field in resource.fields):
            raise typer.BadParameter("--from has the names: give no other")
        return {}
    base = _read_object(given["body"]) if given["body"] else {}
    fields: dict[str, Any] = {}
    for field in resource.fields:
        value = given[field.name]
        if not value and not base and field.default is not None:
            value = [field.default] if field.many else field.default
        if value:
            fields[field.name] = value
        elif not base and not field.parameter.startswith("--"):
            raise typer.BadParameter(f"give it a {field.parameter}")
    body = base | resource.body(fields)
    if lacking := resource.lacks(body):
        raise typer.BadParameter(lacking)
    return body


def _read_object(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        body = json.loads(text)
    except OSError as error:
        stop(Exit.USAGE, f"cannot read {file}: {error.strerror}")
    except ValueError:
        stop(Exit.USAGE, f"{file} should hold a JSON object in UTF-8")
    if not isinstance(body, dict):
        stop(Exit.USAGE, f"{file} should hold a JSON object")
    return body


def _session(given: dict[str, Any]) -> Any:
    return session(given["context"], given["profile"])


def _register(resource: Resource) -> None:
    group = typer.Typer(cls=Group, help=resource.about, no_args_is_help=True)
    cli.add_typer(group, name=resource.name)
    owners = _owner_parameters(resource)
    fields = [_field_parameter(field) for field in resource.fields]
    keys = resource.name == "keys"
    many = [parameter("from_", _FROM, None)] if keys else []
    ids = parameter("ids", Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")], None)
    reveal = parameter("reveal", _REVEAL, False)
    each = f"{'an' if resource.one[0] in 'ai' else 'a'} {resource.one}"
    for name, verb, parameters, help_ in (
        ("list", _list, [*owners, reveal], f"List {resource.name}."),
        ("create", _create, [*fields, *owners, parameter("body", _BODY, None), *many], f"Create {each}, and show it"
         + (" with its secret: keep that." if "secret" in resource.columns else ".")),
        ("show", _show, [parameter("ids", _ID), *owners, reveal], f"Show {each}."),
        ("delete", _delete, [ids, *owners, parameter("yes", _YES, False),
         *([parameter("match", _MATCH, None)] if keys else [])], f"Delete {resource.name}, asking first."),
    ):  # fmt: skip
        group.command(name, help=help_)(_command(resource, verb, parameters))


def _command(
    resource: Resource, verb: Callable[[Resource, dict[str, Any], Common], None], parameters: list[inspect.Parameter]
) -> Command:
    """A function that typer can read the options of."""

    def run(**given: Any) -> None:
        verb(resource, given, Common(given.pop("as_json"), given.pop("quiet")))

    signature = inspect.Signature([parameter("context", typer.Context), *parameters, *OPTIONS])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


for each in RESOURCES:
    _register(each)
