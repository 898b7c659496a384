"""Examples at the end of every --help. A test checks that each one names commands and options that exist."""

from __future__ import annotations

import typer

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "sunshine-keys demo",
        "sunshine-keys dev --forward-to http://localhost:5000/webhook",
        "sunshine-keys init --sample --output sample.json",
        "sunshine-keys serve",
        "sunshine-keys help keys create",
    ),
    "account-keys": ("sunshine-keys account-keys list",),
    "account-keys list": ("sunshine-keys account-keys list", "sunshine-keys account-keys list --data FOLDER --json"),
    "account-keys create": ('sunshine-keys account-keys create "On call"',),
    "account-keys delete": ("sunshine-keys account-keys delete act_5f6b8c4a3d2e1f0a9b8c7d6e",),
    "audit": (
        "sunshine-keys audit --limit 20",
        "sunshine-keys audit --since 2h --action key.delete",
        "sunshine-keys audit --data FOLDER --json",
        "sunshine-keys audit --profile production --limit 20",
    ),
    "audit verify": (
        "sunshine-keys audit verify",
        'sunshine-keys audit verify --head "$(cat head.txt)"',
    ),
    "backup": ("sunshine-keys backup backup.sqlite3", "sunshine-keys backup --force backup.sqlite3"),
    "chat": ("sunshine-keys chat --profile dev", "sunshine-keys chat --profile dev --user jane < lines.txt"),
    "check": (
        "sunshine-keys check --data FOLDER < secret.txt",
        "sunshine-keys check --url https://keys.example.com < credentials.txt",
    ),
    "copy": ("sunshine-keys copy --from sqlite:///srv/keys.sqlite3 --to postgresql://sunshine@db/sunshine",),
    "demo": ("sunshine-keys demo",),
    "dev": (
        "sunshine-keys dev --forward-to http://localhost:5000/webhook",
        "sunshine-keys dev --data FOLDER --env bot.env",
    ),
    "doctor": (
        "sunshine-keys doctor 5f6b8c4a3d2e1f0a9b8c7d6e",
        "sunshine-keys doctor --for 'GET /v2/apps/ID/keys' --at 10m < credentials.txt",
    ),
    "help": ("sunshine-keys help", "sunshine-keys help keys create"),
    "init": (
        "sunshine-keys init --output account.json",
        "sunshine-keys init --data data --sample --output sample.json",
    ),
    "login": (
        "sunshine-keys login --host http://127.0.0.1:8080 app_5f6b8c4a3d2e1f0a9b8c7d6e",
        "sunshine-keys login --host https://keys.example.com --profile work < secret.txt",
    ),
    "logout": ("sunshine-keys logout", "sunshine-keys logout --profile work"),
    "migrate": ("sunshine-keys migrate --data FOLDER",),
    "notify": ("sunshine-keys notify test --notify https://example.com/hook",),
    "notify test": (
        "sunshine-keys notify test",
        "sunshine-keys notify test --notify https://example.com/hook",
        "sunshine-keys notify test --notify-command 'logger -t sunshine-keys'",
    ),
    "notify status": ("sunshine-keys notify status", "sunshine-keys notify status --data FOLDER --json"),
    "notify skip": ("sunshine-keys notify skip --data FOLDER",),
    "oauth-clients": (
        "sunshine-keys oauth-clients create Acme --redirect-uri https://acme.example/callback",
        "sunshine-keys oauth-clients list",
    ),
    "oauth-clients connections": ("sunshine-keys oauth-clients connections --app APP_ID",),
    "oauth-clients create": (
        "sunshine-keys oauth-clients create Acme --redirect-uri https://acme.example/callback",
        "sunshine-keys oauth-clients create Test --redirect-uri http://127.0.0.1:8000/ --decision allow --app APP_ID",
    ),
    "oauth-clients delete": ("sunshine-keys oauth-clients delete 5f6b8c4a3d2e1f0a9b8c7d6e",),
    "oauth-clients list": ("sunshine-keys oauth-clients list", "sunshine-keys oauth-clients list --json"),
    "oauth-clients show": ("sunshine-keys oauth-clients show 5f6b8c4a3d2e1f0a9b8c7d6e",),
    "oauth-clients update": (
        "sunshine-keys oauth-clients update 5f6b8c4a3d2e1f0a9b8c7d6e --redirect-uri https://acme.example/new",
    ),
    "open": ("sunshine-keys open", "sunshine-keys open --profile work"),
    "profiles": ("sunshine-keys profiles", "sunshine-keys profiles use work"),
    "profiles use": ("sunshine-keys profiles use work",),
    "restore": ("sunshine-keys restore backup.sqlite3", "sunshine-keys restore --data FOLDER --yes backup.sqlite3"),
    "scan": (
        "sunshine-keys scan src config",
        "git log -p --all | sunshine-keys scan - --data FOLDER",
        "sunshine-keys scan --revoke --data FOLDER src config",
    ),
    "seal": ("sunshine-keys seal status", "sunshine-keys seal rotate"),
    "seal retire": ("sunshine-keys seal retire 5b1c0d2e3f4a5b6c",),
    "seal rotate": ("sunshine-keys seal rotate",),
    "seal status": ("sunshine-keys seal status", "sunshine-keys seal status --data FOLDER --json"),
    "serve": (
        "sunshine-keys serve",
        "sunshine-keys serve --data FOLDER --port 8443 --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem",
        "sunshine-keys serve --database postgresql://sunshine@db/sunshine --workers 4",
    ),
    "token": (
        "sunshine-keys token app_5f6b8c4a3d2e1f0a9b8c7d6e --secret-file secret.txt",
        "sunshine-keys token --profile work --expires-in 3600",
    ),
    "version": ("sunshine-keys version",),
    "whoami": ("sunshine-keys whoami", "sunshine-keys whoami --profile work --json"),
    "apps": ("sunshine-keys apps list",),
    "apps create": ('sunshine-keys apps create "My app"', "sunshine-keys apps create --body app.json"),
    "apps delete": ("sunshine-keys apps delete 5d8cff3cd55b040010928b5b",),
    "apps list": ("sunshine-keys apps list", "sunshine-keys apps list --profile work --json"),
    "apps show": ("sunshine-keys apps show 5d8cff3cd55b040010928b5b",),
    "apps update": ('sunshine-keys apps update 5d8cff3cd55b040010928b5b --name "New name"',),
    "integrations": ("sunshine-keys integrations list",),
    "integrations create": (
        'sunshine-keys integrations create "My bot" --target https://example.com/callback',
        'sunshine-keys integrations create "My page" --type web --app 5d8cff3cd55b040010928b5b',
    ),
    "integrations delete": ("sunshine-keys integrations delete 029c31f25a21b47effd7be90",),
    "integrations list": ("sunshine-keys integrations list", "sunshine-keys integrations list --quiet"),
    "integrations show": ("sunshine-keys integrations show 029c31f25a21b47effd7be90",),
    "integrations update": ('sunshine-keys integrations update 029c31f25a21b47effd7be90 --name "New name"',),
    "keys": ("sunshine-keys keys list --integration 029c31f25a21b47effd7be90",),
    "keys create": (
        'sunshine-keys keys create "CI worker" --integration 029c31f25a21b47effd7be90',
        'sunshine-keys keys create "Contractor" --expires-in 30d --integration 029c31f25a21b47effd7be90',
        "sunshine-keys keys create --from names.csv --json > keys.json",
    ),
    "keys delete": (
        "sunshine-keys keys delete int_5d8cff3cd55b040010928b5b --integration 029c31f25a21b47effd7be90",
        "sunshine-keys keys delete --match 'CI *' --yes",
    ),
    "keys list": (
        "sunshine-keys keys list --integration 029c31f25a21b47effd7be90",
        "sunshine-keys keys list --app 5d8cff3cd55b040010928b5b --reveal",
        "sunshine-keys keys list --unused-for 90d --quiet",
    ),
    "keys rotate": (
        "sunshine-keys keys rotate int_5d8cff3cd55b040010928b5b --integration ID --grace 7d --when-quiet 24h",
        "sunshine-keys keys rotate int_5d8cff3cd55b040010928b5b --integration ID --status",
    ),
    "keys show": ("sunshine-keys keys show app_5d8cff3cd55b040010928b5b --app 5d8cff3cd55b040010928b5b",),
    "webhooks": ("sunshine-keys webhooks list --integration 029c31f25a21b47effd7be90",),
    "webhooks create": (
        "sunshine-keys webhooks create https://example.com/callback --integration 029c31f25a21b47effd7be90",
    ),
    "webhooks deliveries": ("sunshine-keys webhooks deliveries --state failed",),
    "webhooks show-delivery": ("sunshine-keys webhooks show-delivery 42",),
    "webhooks redeliver": ("sunshine-keys webhooks redeliver 42",),
    "webhooks test": ("sunshine-keys webhooks test 5e8cff3cd55b040010928b5c --integration 029c31f25a21b47effd7be90",),
    "webhooks tail": ("sunshine-keys webhooks tail",),
    "webhooks delete": (
        "sunshine-keys webhooks delete 5e8cff3cd55b040010928b5c --integration 029c31f25a21b47effd7be90",
    ),
    "webhooks list": ("sunshine-keys webhooks list --integration 029c31f25a21b47effd7be90",),
    "webhooks update": (
        "sunshine-keys webhooks update 5e8cff3cd55b040010928b5c --integration ID --target https://example.com/new",
    ),
    "webhooks show": ("sunshine-keys webhooks show 5e8cff3cd55b040010928b5c --integration 029c31f25a21b47effd7be90",),
}
"""The examples of each command, by the words that call it; "" is the program itself."""


def add_examples(program: typer.Typer, words: str = "") -> None:
    """Put the examples at the end of the help of `program` and its commands. Raises KeyError for a command without any."""
    for command in program.registered_commands:
        name = command.name or str(getattr(command.callback, "__name__", ""))
        command.epilog = _epilog(f"{words} {name}".strip())
    for group in program.registered_groups:
        assert group.typer_instance is not None
        path = f"{words} {group.name}".strip()
        group.epilog = _epilog(path)
        add_examples(group.typer_instance, path)


def _epilog(words: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[words])


ROOT = _epilog("")
