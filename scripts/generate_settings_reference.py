"""Write docs/settings.md from the options of the commands; with --check, fail where it is not what would be written."""

from __future__ import annotations

from typing import Any

import typer
from generate_cli_reference import commands, name_of, told_of, variables_of
from pages import keep, table

from sunshine_keys.cli.commands import cli

INTRODUCTION = """\
# Settings

<!-- Written by scripts/generate_settings_reference.py; change that, not this. -->

Every option of every command is an environment variable, too; where both are given, the option holds. A variable that is
empty counts as not set. [The command line](cli.md) has the same by command.

## Of `serve`

`--data` or `--database` has to be given. `--data` is a folder, made if it is missing. `--database` is a URL:
`postgresql://user@host/database` ([Operations](operations.md)), `sqlite:///path/to/file` (absolute) or `sqlite:file`; then
`--data` is the folder of the sealing key alone, and without it the key is beside that file. Other commands that have a store
take the same two.


"""

WITHOUT_OPTION = """\
## Secrets, and where they come from

An option shows in the list of processes, so secrets have none. They are read from a file, or from a variable:

| variable | |
|---|---|
| `SUNSHINE_KEYS_DATABASE_FILE` | a file that holds the URL of the database, with its password: in place of `--database` |
| `SUNSHINE_KEYS_SEALING_KEY`, `SUNSHINE_KEYS_SEALING_KEY_FILE` or `SUNSHINE_KEYS_SEALING_KEY_COMMAND` | the [sealing keys](sealing.md) (each 32 bytes in base64, with white space between them), the file they are in, or a command that prints them; one of the three; else the file `sealing.key` in `--data`, or beside the file of `--database` |
| `SUNSHINE_KEYS_METRICS_TOKEN` | what `/metrics` is read with ([Metrics](operations.md#metrics)), in place of `--metrics-token-file`: 16 visible characters or more |
| `SUNSHINE_KEYS_SECRET` | the secret of the key that `token` signs with, in place of `--secret-file` |
| `OTEL_EXPORTER_OTLP_ENDPOINT` and the like | where traces go ([Traces](operations.md#traces)); nowhere |

"""

CLIENT = """\
## Of the client

The client reads these where its `Configuration` is not given the like, and so do the commands that
[manage a service](cli.md#managing-a-service).

| variable | |
|---|---|
| `SUNSHINE_CONVERSATIONS_HOST` | the service's URL; `https://api.smooch.io` |
| `SUNSHINE_CONVERSATIONS_BEARER_TOKEN`, or the file named in `SUNSHINE_CONVERSATIONS_BEARER_TOKEN_FILE` | a token, which wins over a key |
| `SUNSHINE_CONVERSATIONS_KEY_ID`, `SUNSHINE_CONVERSATIONS_SECRET`, or files named in the same with `_FILE` | a key |
| `SUNSHINE_CONVERSATIONS_SCOPE` | `account`, `app` or `integration`, the key's own: has the client sign tokens with it |
| `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | proxies |
| `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE` | certificate authorities to trust |
"""


def reference() -> str:
    found: dict[str, list[tuple[str, Any]]] = {}
    serve: list[Any] = []
    for path, command in commands(typer.main.get_command(cli)):
        for each in command.params:
            if path == "sunshine-keys serve" and variables_of(each):
                serve.append(each)
            for variable in variables_of(each):
                found.setdefault(variable, []).append((path.removeprefix("sunshine-keys").strip(), each))
    serves = {variable for each in serve for variable in variables_of(each)}
    own = [[_variables(each), f"`{name_of(each)}`: {told_of(each)}"] for each in serve]
    others = [
        [f"`{variable}`", _names([each for _, each in uses]), _paths([path for path, _ in uses])]
        for variable, uses in sorted(found.items())
        if variable not in serves
    ]
    return "\n".join(
        [
            INTRODUCTION.rstrip() + "\n",
            table(["variable", "option"], own),
            WITHOUT_OPTION.rstrip() + "\n",
            "## Of other commands\n",
            table(["variable", "option", "of"], others),
            CLIENT,
        ]
    )


def _variables(each: Any) -> str:
    return ", ".join(f"`{variable}`" for variable in variables_of(each))


def _names(uses: list[Any]) -> str:
    return ", ".join(dict.fromkeys(f"`{name_of(each)}`" for each in uses))


def _paths(paths: list[str]) -> str:
    """The commands, or the groups of them."""
    return ", ".join(dict.fromkeys(f"`{path.split()[0]}`" for path in paths))


if __name__ == "__main__":
    keep("settings.md", reference())
