"""Write the pictures of the console in docs/images, from a service with made-up data. Needs chromium on the PATH."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.apps.changes import UpdateApp
from sunshine_keys.apps.model import AppPatch
from sunshine_keys.compose import create_first_objects, open_engine
from sunshine_keys.integrations.changes import UpdateIntegration
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR

IMAGES = Path(__file__).parent.parent / "docs" / "images"
HOUR = 3600


def main() -> None:
    browser_path = shutil.which("chromium")
    if browser_path is None:
        sys.exit("chromium is not on the PATH")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), simulator=True)
        sample = create_first_objects(settings, sample=True)
        assert sample is not None
        app_id, integration_id, key_id = sample["app"]["id"], sample["integration"]["id"], sample["key"]["id"]
        asyncio.run(_fill(settings, app_id, integration_id, key_id))
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        with server.running(settings) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=arguments)
            page = browser.new_page(viewport={"width": 1040, "height": 700})
            page.goto(f"{url}/console/sign-in")
            _take(page, "sign-in")
            page.fill("#key_id", sample["account_key"]["id"])
            page.fill("#secret", sample["account_key"]["secret"])
            page.click("main button[type=submit]")
            integration = f"{url}/console/apps/{app_id}/integrations/{integration_id}"
            page.goto(integration)
            page.set_viewport_size({"width": 1040, "height": 940})
            _take(page, "keys")
            page.goto(f"{integration}/keys/{key_id}")
            _take(page, "key")
            page.set_viewport_size({"width": 1280, "height": 860})
            conversation_id = _talk(url, app_id, sample)
            page.goto(f"{url}/console/apps/{app_id}/chat/{conversation_id}")
            page.get_by_role("link", name="JSON").last.click()
            page.locator("#detail").get_by_text("conversation:message").first.wait_for()
            _take(page, "chat")
            page.set_viewport_size({"width": 360, "height": 1100})
            page.emulate_media(color_scheme="dark")
            page.goto(integration)
            _take(page, "keys-dark-360")
            browser.close()


def _talk(url: str, app_id: str, sample: dict[str, Any]) -> str:
    """Let Ann talk to a bot, and return the id of the conversation."""
    webhooks = sample["integration"]["webhooks"]
    owner = {"host": url, "key_id": sample["app_key"]["id"], "secret": sample["app_key"]["secret"]}
    bot_key = {"host": url, "key_id": sample["key"]["id"], "secret": sample["key"]["secret"]}
    with (
        _accepting() as target,
        sunshine.ApiClient(sunshine.Configuration(**owner)) as client,
        sunshine.ApiClient(sunshine.Configuration(**bot_key)) as bot,
    ):
        update: Any = {"target": target, "triggers": ["conversation:message"]}
        sunshine.WebhooksApi(client).update_webhook(app_id, sample["integration"]["id"], webhooks[0]["id"], update)

        def simulate(path: str, body: Any) -> Any:
            path = f"/simulator/v1/apps/{app_id}/conversations{path}"
            headers = {"Accept": "application/json", "Content-Type": "application/json"}
            request = client.param_serialize("POST", path, {}, {}, headers, body, auth_settings=["basicAuth"])
            return client.response_deserialize(client.call_api(*request), {"2XX": "object"}).data

        boards: Any = sunshine.SwitchboardsApi(client)
        entries: Any = sunshine.SwitchboardIntegrationsApi(client)
        board_id = boards.create_switchboard(app_id).switchboard.id
        following = None
        for entry in (
            {"name": "agents", "integrationType": "zd:agentWorkspace"},
            {"name": "bot", "integrationId": sample["integration"]["id"]},
        ):
            linked = entry | ({"nextSwitchboardIntegrationId": following} if following else {})
            following = entries.create_switchboard_integration(app_id, board_id, linked).switchboard_integration.id
        boards.update_switchboard(app_id, board_id, {"enabled": True, "defaultSwitchboardIntegrationId": following})
        for external_id, name, surname, text in (
            ("ben", "Ben", "Okafor", "Do you ship to Norway?"),
            ("ann", "Ann", "Miller", "Hello, where is my parcel?"),
        ):
            profile: Any = {"externalId": external_id, "profile": {"givenName": name, "surname": surname}}
            sunshine.UsersApi(client).create_user(app_id, profile)
            begun = simulate("", {"userExternalId": external_id, "content": {"type": "text", "text": text}})
        id: str = begun["conversation"]["id"]

        def say(content: Any) -> None:
            post: Any = {"author": {"type": "business", "displayName": "Parcel bot"}, "content": content}
            sunshine.MessagesApi(bot).post_message(app_id, id, post)

        choices = [{"type": "reply", "text": text, "payload": text} for text in ("Order 17", "Order 21")]
        say({"type": "text", "text": "Hello, Ann! Which order is it?", "actions": choices})
        simulate(f"/{id}/taps", {"action": "Order 17"})
        track = {"type": "link", "text": "Follow it", "uri": "https://example.com/17"}
        say({"type": "text", "text": "It left Lyon this morning, and arrives at six.", "actions": [track]})
        simulate(f"/{id}/messages", {"content": {"type": "text", "text": "Great. Please ring twice!"}})
        return id


@contextlib.contextmanager
def _accepting() -> Generator[str]:
    """Yield the URL of a webhook that accepts every event."""

    class Target(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    target = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{target.server_port}/webhook"
    finally:
        target.shutdown()
        target.server_close()


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")


async def _fill(settings: Settings, app_id: str, integration_id: str, key_id: str) -> None:
    """Keys with names and a week's use."""
    engine = await open_engine(settings)
    ends = {"CI worker": None, "Night shift bot": time.time() + 12.5 * 24 * HOUR}
    attributes = {"displayName": "Support bot"}
    await engine.store.transact(OPERATOR, UpdateApp(app_id, AppPatch(display_name="Shop")))
    await engine.store.transact(OPERATOR, UpdateIntegration(app_id, integration_id, attributes))
    ids = [key_id]
    for name, end in ends.items():
        view = await keys.create(engine, OPERATOR, app_id, integration_id, name, end)
        ids.append(view.id)  # type: ignore[union-attr]  # without an idempotency key it is never a replay
    now = time.time()
    this_hour = int(now // HOUR * HOUR)
    batch = [
        KeyHour(key, hour, requests, min(hour + 1800.0, now), f"192.0.2.{place + 7}")
        for place, key in enumerate(ids[:2])
        for back in range(7 * 24)
        if (requests := _requests(hour := this_hour - back * HOUR, place)) > 0
    ]
    for first in range(0, len(batch), 250):
        await engine.store.count_usage(batch[first : first + 250])
    await engine.store.close()


def _requests(hour: int, place: int) -> int:
    """More by day than by night, and less at the week's end."""
    day, clock = divmod(hour // HOUR, 24)
    wave = math.sin((clock - 6) / 24 * 2 * math.pi)
    return int(
        max(0.0, wave + 0.25) * (60 - 40 * place) * (0.4 if day % 7 < 2 else 1.0) * (1 + (hour // HOUR * 7 % 5) / 10)
    )


main()
