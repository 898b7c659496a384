"""Write docs/cli.md from the commands themselves; with --check, fail where it is not what would be written."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer
from pages import keep

from sunshine_keys.cli.commands import cli
from sunshine_keys.cli.exits import Exit

INTRODUCTION = """\
# The command line

<!-- Written by scripts/generate_cli_reference.py; change that, not this. -->

`sunshine-keys` runs a service and looks after its store ([the service](service.md) tells of these commands), and it
manages any service over the network, one of this kind or the vendor's, by the client of this package.

## Managing a service

```sh
value() { python3 -c "import json; print(json.load(open('sample.json'))$1)"; }
value "['app_key']['secret']" | sunshine-keys login --host http://127.0.0.1:8080 "$(value "['app_key']['id']")"
sunshine-keys integrations list
export SUNSHINE_KEYS_INTEGRATION="$(value "['integration']['id']")"
KEY=$(sunshine-keys keys create "CI worker" --quiet)
sunshine-keys keys list
sunshine-keys keys delete --match "CI *" --yes
```

`login` keeps a key under the name of a profile (`default` if none is given), once the service has accepted it, and
makes that the current one, in the place of what had that name before. The secret is asked for without echo, or read
from standard input. It is kept in the system's keyring where there is one and the extra `keyring` is installed, else
with the profile: in `sunshine-keys/profiles.json` below `XDG_CONFIG_HOME` (`~/.config` if that is not set), a file of
mode 0600. `sunshine-keys profiles` shows what there is, `sunshine-keys profiles use NAME` chooses, and `logout`
forgets.

Which key a command uses: that of `--profile`, if it is typed; else the environment's (`SUNSHINE_CONVERSATIONS_KEY_ID`
and `SUNSHINE_CONVERSATIONS_SECRET`, or `SUNSHINE_CONVERSATIONS_BEARER_TOKEN`, or the files that these names with `_FILE`
point to) towards `SUNSHINE_CONVERSATIONS_HOST`; else that of `SUNSHINE_KEYS_PROFILE`, else the current profile's. They are
never mixed: a profile's key goes to its own host only.

`keys` are an integration's with `--integration`, and without it an app's own, which need the account's key. The app is the
key's own, so that only an account's key has to name one by `--app`.

## What is printed

A table for a person (without colours under `NO_COLOR`), one JSON value with `--json`, and ids alone with `--quiet`; of a
new key its secret alone. Objects in JSON have the API's own names. A new key is shown with its secret; later, secrets are
masked in tables and left out of JSON, unless `--reveal` is given. What is destroyed is asked for first; without a
terminal nothing is, unless `--yes` is given. Errors are on standard error: what happened, what to do next, and the id of
the request.

## Many keys at once

    (umask 077; sunshine-keys keys create --from names.csv --json > keys.json)

`keys create --from` creates a key for each row of a CSV file. A row is a name alone. Under a heading it is `displayName`, with
`appId` and `integrationId` if they differ from those of the options. The command prints all keys with their secrets: a table,
one object with `--json`, the secrets alone with `--quiet`. An invalid row does not stop the others.

**To continue after an interruption, run the same command again within 24 hours, with the same credentials.** The command sends
each row with an `Idempotency-Key` that it derives from the row: the app, the integration, the name, and its number among the
rows that are equal in these. The service remembers that key for 24 hours. So:

- A row that an earlier run created gets no second key. The command prints the first one again, with its secret.
- You may add, remove and reorder rows. If you change a row's name or owner, it is another row and gets a key of its own; the
  key that the old row created stays until you delete it.
- If the key of a row was deleted, the row gets a new key.
- For two keys of the same name, write the row twice.
- After 24 hours, or with other credentials, the same file creates new keys beside the old ones. Delete the old ones with
  `keys delete`.

The vendor does not document whether its service honours `Idempotency-Key`. There, the command skips and reports rows whose names
the owner's keys have already.

`sunshine-keys keys delete --match PATTERN` deletes all keys whose names match, after asking once.

## Completion

`sunshine-keys --install-completion` teaches the current shell (bash, zsh, fish or PowerShell) the commands, their options
and the names of the profiles; `--show-completion` prints what it would install.
"""


def reference() -> str:
    root = typer.main.get_command(cli)
    parts = [INTRODUCTION, _exit_codes(), "## Commands\n"]
    parts += [_command(path, command) for path, command in commands(root)]
    return "\n".join(parts)


def _exit_codes() -> str:
    rows = [f"| {int(each)} | {each.told} |" for each in Exit]
    return "\n".join(["## Exit codes\n", "| code | |", "|---|---|", *rows, ""])


def commands(command: Any, path: str = "sunshine-keys") -> Iterator[tuple[str, Any]]:
    """Each command that can be given, by what is typed."""
    children = getattr(command, "commands", {})
    if not children or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, child in sorted(children.items()):
        yield from commands(child, f"{path} {name}")


def _command(path: str, command: Any) -> str:
    shown = [each for each in command.params if each.name != "help" and not getattr(each, "hidden", False)]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    options = [each for each in shown if each.param_type_name == "option"]
    usage = " ".join([path, *(_metavar(each) for each in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"### {path}\n", f"`{usage}`\n", inspect.cleandoc(command.help or ""), ""]
    if shown:
        lines += ["| | environment | |", "|---|---|---|"]
        lines += [_parameter(each) for each in [*arguments, *options]]
        lines.append("")
    return "\n".join(lines)


def _metavar(argument: Any) -> str:
    name: str = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _parameter(each: Any) -> str:
    cells = (
        f"`{name_of(each)}`".replace("|", "\\|"),
        ", ".join(f"`{variable}`" for variable in variables_of(each)),
        told_of(each).replace("|", "\\|"),
    )
    return "| " + " | ".join(cells) + " |"


def name_of(each: Any) -> str:
    """What is typed for an argument or an option."""
    if each.param_type_name == "argument":
        return _metavar(each)
    value = "" if each.is_flag else f" {each.metavar or _kind(each)}"
    return ", ".join([*each.opts, *each.secondary_opts]) + value


def told_of(each: Any) -> str:
    """Its help, and what it is where it is not given."""
    told = (each.help or "").strip()
    if each.default not in (None, "", False) and not callable(each.default) and not isinstance(each.default, list):
        default = "On" if each.default is True else getattr(each.default, "value", each.default)
        told = f"{told} {default} if not given.".strip()
    return f"{told} Required.".strip() if each.required else told


def variables_of(each: Any) -> list[str]:
    return [each.envvar] if isinstance(each.envvar, str) else list(each.envvar or [])


def _kind(each: Any) -> str:
    choices = getattr(each.type, "choices", None)
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    if each.type.name.startswith("int"):  # or a range of them
        return "NUMBER"
    return {"path": "FILE", "filename": "FILE"}.get(each.type.name, "TEXT")


if __name__ == "__main__":
    keep("cli.md", reference())
