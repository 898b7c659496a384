"""How --help lists commands: in sections, each told in full."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

SECTIONS = {
    "Run a service": ("init", "serve", "demo"),
    "Look after its store": (
        "backup", "restore", "copy", "migrate", "seal", "audit", "doctor",
    ),
    "Manage a service over the network": (
        "login", "logout", "profiles", "whoami", "open", "apps", "integrations", "keys", "webhooks",
    ),
    "Tokens and secrets": ("token", "scan"),
}  # fmt: skip
"""The program's own commands, in the order in which somebody comes to need them."""


class Group(TyperGroup):
    """Click cuts what a command does to a line, and Typer's panels cut the names of options."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections = SECTIONS if ctx.parent is None else {"Commands": tuple(self.commands)}
        width = max(len(name) for name in self.commands)
        for title, names in sections.items():
            with formatter.section(title):
                # The first paragraph. Padded, so that the columns of all sections are in line.
                formatter.write_dl([(name.ljust(width), _about(self.commands[name])) for name in names])


def _about(command: Any) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())
