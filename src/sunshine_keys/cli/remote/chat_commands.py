"""The commands of `chat`: lines that begin with a slash. They send other contents than text, and act for the agents."""

from __future__ import annotations

import math
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sunshine_conversations_client as sunshine
from sunshine_keys.cli.exits import printable
from sunshine_keys.cli.remote.session import Session

Json = dict[str, Any]

AGENTS = "zd:agentWorkspace"
_CONVERSATION = "/apps/{appId}/conversations/{conversationId}"


class Refusal(Exception):
    """A command that cannot be carried out, with a line that says why."""


class Command(NamedTuple):
    usage: str
    """The arguments, for `/help`; empty if there are none."""

    summary: str
    run: Callable[[ChatCommands, str], str | None]
    """Carries the command out with the rest of its line, and returns a line to print, or None. Raises Refusal, ApiException."""


class ChatCommands:
    """The commands in one conversation."""

    def __init__(self, opened: Session, app_id: str, conversation_id: str) -> None:
        self._opened = opened
        self._ids = {"appId": app_id, "conversationId": conversation_id}
        self._app_id = app_id
        self._conversation_id = conversation_id

    def run(self, line: str) -> str | None:
        """Carry out a line such as `/location 48.85 2.35`, and return a line to print, or None.

        Raises Refusal for a command that does not exist or has invalid arguments, ApiException.
        """
        name, _, rest = line.partition(" ")
        command = COMMANDS.get(name)
        if command is None:
            raise Refusal(
                f"There is no command {printable(name)}. /help lists them. To send a text that begins with /, type //"
            )
        rest = rest.strip()
        if bool(rest) != bool(command.usage):
            raise Refusal(f"Usage: {name} {command.usage}".rstrip())
        return command.run(self, rest)

    def send_file(self, path: str) -> None:
        """Upload a file, and post it as the person: as an image if its name says so."""
        file = Path(path).expanduser()
        try:
            if not file.is_file():
                raise Refusal(f"There is no file {printable(str(file))}")
            attachments: Any = sunshine.AttachmentsApi(self._opened.client)
            answer = attachments.upload_attachment(
                self._app_id, "public", file, var_for="message", conversation_id=self._conversation_id
            )
        except OSError as error:
            raise Refusal(f"Cannot read {printable(str(file))}: {error.strerror}") from None
        url = answer.attachment.media_url
        kind = "image" if (mimetypes.guess_type(file.name)[0] or "").startswith("image/") else "file"
        self._act("/messages", {"content": {"type": kind, "mediaUrl": url}})

    def send_location(self, coordinates: str) -> None:
        try:
            lat, long = (float(part) for part in coordinates.replace(",", " ").split())
        except ValueError:
            lat = long = math.nan
        if not (math.isfinite(lat) and math.isfinite(long)):
            raise Refusal("Usage: /location LATITUDE LONGITUDE, such as /location 48.85 2.35")
        self._act("/messages", {"content": {"type": "location", "coordinates": {"lat": lat, "long": long}}})

    def read(self, _: str) -> None:
        self._act("/activities", {"type": "conversation:read"})

    def start_typing(self, _: str) -> None:
        self._act("/activities", {"type": "typing:start"})

    def stop_typing(self, _: str) -> None:
        self._act("/activities", {"type": "typing:stop"})

    def say_as_agent(self, text: str) -> None:
        self._act("/agentMessages", {"displayName": "Agent", "content": {"type": "text", "text": text}})

    def take_over(self, _: str) -> str:
        """Pass control to the agents."""
        return self._pass_to(lambda board, entry: entry["integrationType"] == AGENTS, "with agents")

    def hand_back(self, _: str) -> str:
        """Pass control to the default entry of the switchboard."""
        return self._pass_to(
            lambda board, entry: entry["id"] == board.get("defaultSwitchboardIntegrationId"), "default"
        )

    def close_ticket(self, _: str) -> None:
        self._act("/tickets", {"type": "ticket:closed"})

    def create_switchboard(self, _: str) -> str:
        """Create a switchboard: the app's bot answers first, and the agents are next."""
        if self._board() is not None:
            raise Refusal("The app has a switchboard already")
        client, app_id = self._opened.client, self._app_id
        listed: Any = sunshine.IntegrationsApi(client).list_integrations(app_id, filter={"types": "custom"})
        bots = [integration.id for integration in listed.integrations]
        if len(bots) != 1:
            raise Refusal(
                f"The app has {len(bots)} custom integrations, and only a person can choose the first: use the console"
            )
        boards: Any = sunshine.SwitchboardsApi(client)
        entries: Any = sunshine.SwitchboardIntegrationsApi(client)
        board_id = boards.create_switchboard(app_id).switchboard.id
        agents = entries.create_switchboard_integration(
            app_id, board_id, {"name": "agents", "integrationType": AGENTS}
        ).switchboard_integration.id
        bot = {"name": "bot", "integrationId": bots[0], "nextSwitchboardIntegrationId": agents}
        first = entries.create_switchboard_integration(app_id, board_id, bot).switchboard_integration.id
        boards.update_switchboard(app_id, board_id, {"enabled": True, "defaultSwitchboardIntegrationId": first})
        return "The app has a switchboard: the entry bot is the default, and agents is next. It applies to new conversations"

    def show_help(self, _: str) -> str:
        lines = [(f"{name} {command.usage}".rstrip(), command.summary) for name, command in COMMANDS.items()]
        width = max(len(usage) for usage, _ in lines)
        rows = [*lines, ("//TEXT", "send a text that begins with a slash")]
        return "\n  ".join(f"{usage:{width}}  {summary}" for usage, summary in rows)

    def _pass_to(self, is_target: Callable[[Json, Json], bool], kind: str) -> str:
        """Pass control to the first entry of the switchboard for which `is_target` returns True, and say so."""
        board = self._board()
        if board is None:
            raise Refusal("The app has no switchboard. /switchboard creates one, with the bot first and agents next")
        entries: Any = sunshine.SwitchboardIntegrationsApi(self._opened.client)
        answer = entries.list_switchboard_integrations(self._app_id, board["id"]).to_dict()
        target = next((entry for entry in answer["switchboardIntegrations"] if is_target(board, entry)), None)
        if target is None:
            raise Refusal(f"The switchboard has no entry {kind}. The console's page Switchboard adds one")
        actions: Any = sunshine.SwitchboardActionsApi(self._opened.client)
        actions.pass_control(self._app_id, self._conversation_id, {"switchboardIntegration": target["id"]})
        return f"{printable(target['name'])} has control"

    def _board(self) -> Json | None:
        answer: Any = sunshine.SwitchboardsApi(self._opened.client).list_switchboards(self._app_id)
        boards: list[Json] = answer.to_dict()["switchboards"]
        return boards[0] if boards else None

    def _act(self, path: str, body: Json) -> None:
        self._opened.simulate(_CONVERSATION + path, self._ids, body)


COMMANDS: dict[str, Command] = {
    "/file": Command("PATH", "send a file or an image of this machine", ChatCommands.send_file),
    "/location": Command("LATITUDE LONGITUDE", "send a location", ChatCommands.send_location),
    "/read": Command("", "read the conversation", ChatCommands.read),
    "/typing": Command("", "begin to type", ChatCommands.start_typing),
    "/stop": Command("", "stop typing", ChatCommands.stop_typing),
    "/agent": Command("TEXT", "say something as an agent", ChatCommands.say_as_agent),
    "/takeover": Command("", "pass control to the agents", ChatCommands.take_over),
    "/handback": Command("", "pass control to the bot", ChatCommands.hand_back),
    "/close": Command("", "close the ticket, as an agent: control is released", ChatCommands.close_ticket),
    "/switchboard": Command("", "create a switchboard: first the bot, then agents", ChatCommands.create_switchboard),
    "/help": Command("", "list these commands", ChatCommands.show_help),
}
