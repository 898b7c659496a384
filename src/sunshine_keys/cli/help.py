"""The format of --help: commands in sections, each with its whole first paragraph."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

SECTIONS = {
    "Run a service": ("init", "serve", "demo"),
    "Develop a bot": ("dev", "chat"),
    "Look after its store": (
        "account-keys", "backup", "restore", "copy", "migrate", "seal", "audit", "notify", "doctor",
    ),
    "Manage a service over the network": (
        "login", "logout", "profiles", "whoami", "open", "apps", "integrations", "keys", "webhooks", "oauth-clients",
    ),
    "Tokens and secrets": ("token", "scan", "check"),
    "This program": ("help", "version"),
}  # fmt: skip
"""The top-level commands, in the order in which a user needs them."""


class Group(TyperGroup):
    """A group of commands whose --help shortens nothing.

    Click shortens what a command does to one line, and Typer's panels shorten the names of options.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections = SECTIONS if ctx.parent is None else {"Commands": tuple(self.commands)}
        width = max(len(name) for name in self.commands)
        for title, names in sections.items():
            with formatter.section(title):
                # The names are padded to align the columns of all sections.
                formatter.write_dl([(name.ljust(width), _first_paragraph(self.commands[name])) for name in names])


def _first_paragraph(command: Any) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())
