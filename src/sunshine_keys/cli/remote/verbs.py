"""`list`, `create`, `show`, `update` and `delete` for every resource in the table."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import sunshine_conversations_client as sunshine
from sunshine_keys.access.scopes import Scope
from sunshine_keys.cli.confirm import require_confirmation
from sunshine_keys.cli.exits import Exit, complain, printable, stop
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote import output
from sunshine_keys.cli.remote.bulk import create_from, delete_matching
from sunshine_keys.cli.remote.key_filter import EXPIRES_WITHIN, UNUSED_FOR, KeyFilter
from sunshine_keys.cli.remote.options import OPTIONS, App, Integration, OutputFormat, Yes, parameter
from sunshine_keys.cli.remote.resources import RESOURCES, Field, Resource
from sunshine_keys.cli.remote.session import Session, session
from sunshine_keys.cli.terminal import emit_json

_USE = ("lastUsedAt", "lastSource", "requests")
_ID = Annotated[list[str], typer.Argument(metavar="ID...", help="The ids.")]
_ONE_ID = Annotated[str, typer.Argument(metavar="ID", help="The id.")]
_REVEAL = Annotated[
    bool, typer.Option("--reveal", envvar="SUNSHINE_KEYS_REVEAL", help="Show secrets, which are masked otherwise.")
]
_BODY = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        allow_dash=True,
        help="The request body, a JSON object; - is standard input. Other options replace its properties.",
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
    typer.Option(
        metavar="PATTERN", help="All keys with a matching name: * is any text, ? any character, [a-c] one of these."
    ),
]


def _field_parameter(field: Field) -> inspect.Parameter:
    help_ = field.help if field.default is None else f"{field.help} Default: {field.default}."
    if not field.parameter.startswith("--"):
        # Optional, because --body or --from may contain it.
        return parameter(
            field.name,
            Annotated[str | None, typer.Argument(metavar=field.parameter, help=help_, show_default=False)],
            None,
        )
    kind = list[str] | None if field.many else str | None
    return parameter(field.name, Annotated[kind, typer.Option(field.parameter, metavar="TEXT", help=help_)], None)


def _owner_parameters(resource: Resource) -> list[inspect.Parameter]:
    owners = [parameter("app", App, None)] if resource.in_app else []
    return [*owners, parameter("integration", Integration, None)] if resource.integration else owners


def _owners(resource: Resource, opened: Session, options: dict[str, Any]) -> dict[str, str]:
    """Return the ids that precede the resource's own in a path, in their order. End the program if one is missing."""
    owners: dict[str, str] = {}
    if resource.in_app:
        owners["app_id"] = opened.app_id(options["app"])
    if integration := options.get("integration"):
        owners["integration_id"] = integration
    elif resource.integration == "required":
        stop(
            Exit.USAGE,
            "the integration is missing: add --integration or set SUNSHINE_KEYS_INTEGRATION",
            "An integration's key cannot list integrations. With a key of its app: sunshine-keys integrations list"
            if opened.scope is Scope.INTEGRATION
            else "To see the integrations: sunshine-keys integrations list",
        )
    return owners


def _list(resource: Resource, options: dict[str, Any], output_format: OutputFormat) -> None:
    with _session(options) as opened:
        owners = _owners(resource, opened, options)
        items = resource.list(opened.client, owners)
        if resource.name == "keys":
            wanted = KeyFilter.of(options["unused_for"], options["expires_within"])
            items = wanted.filtered(
                _with_uses(opened, owners, list(items), is_required=wanted.unused_seconds is not None)
            )
        if output_format.quiet:
            for item in items:
                output.emit_id(item.id)
        elif output_format.as_json:
            emit_json([output.plain(item, reveal=options.get("reveal", False)) for item in items])
        else:
            output.print_objects(items, resource.columns, reveal=options.get("reveal", False))


def _with_uses(opened: Session, owners: dict[str, str], keys: list[Any], *, is_required: bool) -> list[Any]:
    """Return the keys with their last uses, as properties that the API lacks. The vendor's service has none to add.

    If they are required, end the program without them: it must not count a key as unused whose uses it does not see.
    """
    ids = {"appId": owners["app_id"]}
    path = "/apps/{appId}/keyUses"
    if "integration_id" in owners:
        ids["integrationId"] = owners["integration_id"]
        path = "/apps/{appId}/integrations/{integrationId}/keyUses"
    try:
        answer = opened.own("GET", path, ids)
        listed = answer.get("keyUses") if isinstance(answer, dict) else None
    except (sunshine.NotFoundException, sunshine.ForbiddenException):
        listed = None
    if not isinstance(listed, list):  # it is another service
        if is_required:
            stop(Exit.FAILED, f"{opened.host} does not show when keys were used", "Leave out --unused-for.")
        return keys
    uses = {use["id"]: use for use in listed}
    return [
        type(key).from_dict(key.to_dict() | {name: uses[key.id][name] for name in _USE if name in uses.get(key.id, {})})
        for key in keys
    ]


def _show(resource: Resource, options: dict[str, Any], output_format: OutputFormat) -> None:
    with _session(options) as opened:
        owners = _owners(resource, opened, options)
        items = [resource.show(opened.client, owners, id) for id in options["ids"]]
    if output_format.quiet:
        for item in items:
            output.emit_id(item.id)
    elif output_format.as_json:
        objects = [output.plain(item, reveal=options.get("reveal", False)) for item in items]
        emit_json(objects[0] if len(objects) == 1 else objects)
    else:
        for item in items:
            output.print_object(item, reveal=options.get("reveal", False))


def _create(resource: Resource, options: dict[str, Any], output_format: OutputFormat) -> None:
    body = _body(resource, options)
    if sys.stdout is None:
        stop(Exit.USAGE, "nothing was created: standard output is closed, so the new object could not be shown")
    with _session(options) as opened:
        owners = _owners(resource, opened, options)
        if options.get("from_"):
            create_from(resource, opened, owners, options["from_"], output_format)
            return
        created, _ = resource.create(opened.client, owners, body)
    if output_format.as_json:
        emit_json(output.plain(created, reveal=True))
    elif output_format.quiet:
        secret = getattr(created, "secret", None) if resource.name == "keys" else None
        output.emit_id(secret or created.id)
        if secret:
            complain(f"created {created.id}; standard output contains only its secret")
    else:
        output.print_object(created, reveal=True)


def _update(resource: Resource, options: dict[str, Any], output_format: OutputFormat) -> None:
    body = _read_object(options["body"]) if options["body"] else {}
    body |= {field.name: options[field.name] for field in resource.changeable if options[field.name]}
    if not body:
        names = ", ".join(field.parameter for field in resource.changeable)
        raise typer.BadParameter(f"name what to change: {names} or --body")
    with _session(options) as opened:
        owners = _owners(resource, opened, options)
        updated = resource.update(opened.client, owners, options["id"], body)
    if output_format.as_json:
        emit_json(output.plain(updated, reveal=False))
    elif output_format.quiet:
        output.emit_id(updated.id)
    else:
        output.print_object(updated, reveal=False)


def _delete(resource: Resource, options: dict[str, Any], output_format: OutputFormat) -> None:
    pattern = options.get("match")
    if (pattern is None) == (not options["ids"]):
        raise typer.BadParameter("name the ids to delete" + (", or use --match" if "match" in options else ""))
    with _session(options) as opened:
        owners = _owners(resource, opened, options)
        if pattern is not None:
            delete_matching(resource, opened, owners, pattern, output_format, yes=options["yes"])
            return
        for id in options["ids"]:
            if not options["yes"]:
                _confirm(resource, resource.show(opened.client, owners, id))
            resource.delete(opened.client, owners, id)
            output.print_deleted(resource.singular, id, as_json=output_format.as_json, quiet=output_format.quiet)


def _confirm(resource: Resource, item: Any) -> None:
    name = getattr(item, "display_name", None) or getattr(item, "target", None) or ""
    consequence = f"{resource.consequence[0].upper()}{resource.consequence[1:]}"
    require_confirmation(f'Delete {resource.singular} {item.id} "{printable(str(name))}"? {consequence}.')


def _body(resource: Resource, options: dict[str, Any]) -> dict[str, Any]:
    """Return the request body: the object in --body, in which arguments and options replace properties."""
    if options.get("from_"):
        if options["body"] or any(options[field.name] for field in resource.fields):
            raise typer.BadParameter("--from contains the names: name no others")
        return {}
    base = _read_object(options["body"]) if options["body"] else {}
    fields: dict[str, Any] = {}
    for field in resource.fields:
        value = options[field.name]
        if not value and not base and field.default is not None:
            value = [field.default] if field.many else field.default
        if value:
            fields[field.name] = value
        elif not base and not field.parameter.startswith("--"):
            raise typer.BadParameter(f"{field.parameter} is missing")
    body = base | resource.body(fields)
    if missing := resource.missing(body):
        raise typer.BadParameter(missing)
    return body


def _read_object(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        body = json.loads(text.removeprefix("\ufeff"))
    except OSError as error:
        stop(Exit.USAGE, f"cannot read {file}: {error.strerror}")
    except ValueError:
        stop(Exit.USAGE, f"{file} is not a JSON object in UTF-8")
    if not isinstance(body, dict):
        stop(Exit.USAGE, f"{file} is not a JSON object")
    return body


def _session(options: dict[str, Any]) -> Any:
    return session(options["context"], options["profile"])


GROUPS: dict[str, typer.Typer] = {}
"""The group of commands of each resource, by its name."""


def _register(resource: Resource) -> None:
    group = GROUPS[resource.name] = typer.Typer(cls=Group, help=resource.about, no_args_is_help=True)
    cli.add_typer(group, name=resource.name)
    owners = _owner_parameters(resource)
    fields = [_field_parameter(field) for field in resource.fields]
    keys = resource.name == "keys"
    many = [parameter("from_", _FROM, None)] if keys else []
    ids = parameter("ids", Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The ids.")], None)
    reveal = [parameter("reveal", _REVEAL, False)] if resource.has_secrets else []
    wanted = (
        [parameter("unused_for", UNUSED_FOR, None), parameter("expires_within", EXPIRES_WITHIN, None)] if keys else []
    )
    with_article = f"{'an' if resource.singular[0] in 'ai' else 'a'} {resource.singular}"
    for name, verb, parameters, help_ in (
        ("list", _list, [*owners, *wanted, *reveal], f"List {resource.name}."),
        ("create", _create, [*fields, *owners, parameter("body", _BODY, None), *many], f"Create {with_article}, and show it"
         + (" with its secret. Store that in a safe place." if "secret" in resource.columns else ".")),
        ("show", _show, [parameter("ids", _ID), *owners, *reveal], f"Show {with_article}."),
        ("update", _update, [parameter("id", _ONE_ID), *map(_field_parameter, resource.changeable), *owners,
         parameter("body", _BODY, None)], f"Change {with_article}, and show it. What you do not name stays as it is."),
        ("delete", _delete, [ids, *owners, parameter("yes", Yes, False),
         *([parameter("match", _MATCH, None)] if keys else [])], f"Delete {resource.name} after a confirmation."),
    ):  # fmt: skip
        if name == "update" and not resource.changeable:
            continue
        group.command(name, help=help_)(_command(resource, verb, parameters))


def _command(
    resource: Resource,
    verb: Callable[[Resource, dict[str, Any], OutputFormat], None],
    parameters: list[inspect.Parameter],
) -> Callable[..., None]:
    """Return a function whose signature declares the options to Typer."""

    def run(**options: Any) -> None:
        verb(resource, options, OutputFormat(options.pop("as_json"), options.pop("quiet")))

    signature = inspect.Signature([parameter("context", typer.Context), *parameters, *OPTIONS])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


for resource in RESOURCES:
    _register(resource)
