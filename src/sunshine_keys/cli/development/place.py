"""What `dev` creates in a store: an app, an integration whose webhook is the bot, and keys. The file `dev.json` has their secrets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from sunshine_conversations_client.configuration import HOST_VARIABLE
from sunshine_keys.atomic_files import draft
from sunshine_keys.cli.program import fail
from sunshine_keys.compose import create_first_objects, opened_engine
from sunshine_keys.errors import ServiceError
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR
from sunshine_keys.webhooks.changes import UpdateWebhook
from sunshine_keys.webhooks.model import WebhookPatch
from sunshine_keys.webhooks.table import require_webhook

_FILE = "dev.json"


class Key(msgspec.Struct, frozen=True):
    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key({self.id!r})"


class Place(msgspec.Struct, frozen=True):
    """What `dev` has created in a store. `key` belongs to the integration, and is the bot's."""

    account_key: Key
    app_key: Key
    key: Key
    app_id: str
    integration_id: str
    webhook_id: str
    webhook_secret: str

    def __repr__(self) -> str:
        return f"Place({self.app_id!r})"

    def variables(self, url: str) -> dict[str, str]:
        """Return the environment variables of a bot."""
        return {
            HOST_VARIABLE: url,
            "APP_ID": self.app_id,
            "INTEGRATION_ID": self.integration_id,
            "KEY_ID": self.key.id,
            "SECRET": self.key.secret,
            "WEBHOOK_SECRET": self.webhook_secret,
        }


def is_prepared(folder: Path) -> bool:
    """Return True if an earlier run has created a place in the folder."""
    return (folder / _FILE).exists()


def prepare(folder: Path, settings: Settings, target: str) -> Place:
    """Return the place in a folder, whose webhook has this target. Create it if the folder is empty.

    The rows are written without the API: its four requests would take longer than the start of the service. End the program if the folder holds
    another store or a damaged file.
    """
    place = _read(folder)
    if place is None:
        place = _create(settings, target)
        with draft(folder / _FILE) as part:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(place)) + b"\n")
    else:
        asyncio.run(_set_target(settings, place, target))
    return place


def _read(folder: Path) -> Place | None:
    """Return what an earlier run has created in a folder, or None. End the program if the file is damaged."""
    file = folder / _FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Place)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        fail(f"{file} is damaged. Name another folder")


def _create(settings: Settings, target: str) -> Place:
    """Create a store with a place. End the program if there is a store already."""
    created = create_first_objects(settings, bot_target=target)
    if created is None:
        fail(
            f"{settings.location} is not a store of this command. Name another folder, or serve it: sunshine-keys serve"
        )
    integration: dict[str, Any] = created["integration"]
    webhook: dict[str, Any] = integration["webhooks"][0]
    return Place(
        account_key=msgspec.convert(created["account_key"], Key),
        app_key=msgspec.convert(created["app_key"], Key),
        key=msgspec.convert(created["key"], Key),
        app_id=created["app"]["id"],
        integration_id=integration["id"],
        webhook_id=webhook["id"],
        webhook_secret=webhook["secret"],
    )


async def _set_target(settings: Settings, place: Place, target: str) -> None:
    """Let the webhook have this target. End the program if the webhook has been deleted."""
    path = (place.app_id, place.integration_id, place.webhook_id)
    try:
        async with opened_engine(settings) as engine:
            webhook = await engine.store.read(require_webhook(*path))
            if webhook.target != target:
                await engine.store.transact(OPERATOR, UpdateWebhook(*path, WebhookPatch(target=target)))
    except ServiceError as error:
        fail(f"the webhook of the bot in {settings.location} cannot be used: {error.titles[0]}. Name another folder")
