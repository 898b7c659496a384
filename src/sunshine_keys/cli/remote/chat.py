"""`chat`: be the customer of a bot in a terminal, at a service with the simulator."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Annotated, Any

import typer

import sunshine_conversations_client as sunshine
from sunshine_keys.cli.exits import printable
from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote.chat_commands import ChatCommands, Refusal
from sunshine_keys.cli.remote.options import App, ProfileName
from sunshine_keys.cli.remote.session import Session, session
from sunshine_keys.cli.terminal import emit, styled
from sunshine_keys.console.conversation_lines import author_name, choices, content_line

_CONVERSATION = "/apps/{appId}/conversations/{conversationId}"
_POLL_SECONDS = 0.2
_REFUSED = (400, 403, 404, 409, 413, 415)
"""The statuses of a refused command, after which the conversation goes on."""
_SECONDS = 10.0
"""The longest wait for the bot between two lines of a file or a pipe."""

Json = dict[str, Any]


@cli.command()
def chat(
    context: typer.Context,
    user: Annotated[
        str | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_USER",
            metavar="EXTERNAL_ID",
            help="The external id of the person, who has to exist. Default: a new, anonymous person.",
        ),
    ] = None,
    app: App = None,
    profile: ProfileName = None,
) -> None:
    """Talk to a bot as a person, until Ctrl-D. The service needs its simulator, as `sunshine-keys dev` has it.

    Each line is a message. A number taps the choice with this number in the last message that has choices. After a form,
    each line answers a field, and an empty line leaves the form. A line that begins with / is a command: it sends a file or a
    location, types, reads, or acts for the agents. /help lists them.
    """
    with session(context, profile) as opened, contextlib.suppress(KeyboardInterrupt):
        app_id = opened.app_id(app)
        person = {} if user is None else {"userExternalId": user}
        started = opened.simulate("/apps/{appId}/conversations", {"appId": app_id}, person)
        conversation = _Conversation(opened, app_id, started["conversation"]["id"])
        if sys.stdin.isatty():
            emit("Each line is a message. /help lists commands, and Ctrl-D ends the conversation.")
            threading.Thread(target=conversation.follow, name="sunshine-chat", daemon=True).start()
        conversation.wait()
        for line in sys.stdin:
            conversation.answer(line.strip())
            conversation.wait()


class _Conversation:
    """A conversation of one person. `follow` runs on a thread of its own."""

    def __init__(self, opened: Session, app_id: str, conversation_id: str) -> None:
        self._opened = opened
        self._ids = {"appId": app_id, "conversationId": conversation_id}
        self._messages = sunshine.MessagesApi(opened.client)
        self._commands = ChatCommands(opened, app_id, conversation_id)
        self._lock = threading.Lock()
        self._last_id: str | None = None
        self._choices: list[Json] = []
        self._fields: list[Json] = []
        """The fields of the form that is being filled in, or none."""
        self._answers: dict[str, str] = {}

    def answer(self, text: str) -> None:
        """Send a line: a message, a command, the number or the text of a choice, or the answer to a field.

        Nothing is sent for an empty line, which leaves a form.
        """
        with self._lock:
            if not text:
                self._fields = []
                return
            if text.startswith("/") and not text.startswith("//"):
                self._command(text)
                return
            text = text.removeprefix("/") if text.startswith("//") else text
            if self._fields:
                self._answer_field(text)
                return
            chosen = self._chosen(text)
            if chosen is None:
                self._act("/messages", {"content": {"type": "text", "text": text}})
            elif chosen.get("type") in ("reply", "postback"):
                self._act("/taps", {"action": chosen.get("payload") or chosen["text"]})
            else:
                emit(f"  {chosen.get('uri') or 'This choice works in a messenger only.'}")

    def _command(self, line: str) -> None:
        try:
            answer = self._commands.run(line)
        except Refusal as refusal:
            emit(styled(f"  {refusal}", fg="red"))
        except sunshine.ApiException as error:
            if error.status not in _REFUSED:
                raise
            emit(styled(f"  {printable(error.title or 'The service refused it')}", fg="red"))
        else:
            if answer is not None:
                emit(f"  {answer}")

    def _answer_field(self, text: str) -> None:
        self._answers[self._fields[len(self._answers)]["name"]] = text
        if len(self._answers) == len(self._fields) and self._act("/formResponses", {"fields": self._answers}):
            self._fields = []
        elif len(self._answers) == len(self._fields):
            self._begin_form()
        else:
            _ask(self._fields[len(self._answers)])

    def _begin_form(self) -> None:
        self._answers = {}
        _ask(self._fields[0])

    def _act(self, path: str, body: Json) -> bool:
        """Do something as the person. Print a refusal, and return False."""
        try:
            self._opened.simulate(_CONVERSATION + path, self._ids, body)
        except sunshine.BadRequestException as error:
            emit(styled(f"  {printable(error.title or 'The service refused it')}", fg="red"))
            return False
        return True

    def _chosen(self, text: str) -> Json | None:
        if text.isascii() and text.isdigit() and 0 < int(text) <= len(self._choices):
            return self._choices[int(text) - 1]
        return next((choice for choice in self._choices if text == choice.get("text")), None)

    def follow(self) -> None:
        """Print new messages until the program ends."""
        while True:
            self._print_new()
            time.sleep(_POLL_SECONDS)

    def wait(self) -> None:
        """Wait until the webhooks have been called, and print what came of it."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end and self._has_waiting():
            time.sleep(_POLL_SECONDS / 4)
        self._print_new()

    def _has_waiting(self) -> bool:
        page = self._opened.own(
            "GET", "/apps/{appId}/deliveries", {"appId": self._ids["appId"]}, state="pending", limit=10
        )
        return any(not delivery["attempts"] for delivery in page["deliveries"])

    def _print_new(self) -> None:
        with self._lock:
            for message in self._new_messages():
                self._last_id = message["id"]
                if message["author"]["type"] != "user":
                    self._show(message)

    def _new_messages(self) -> list[Json]:
        page: Any = {"size": 100} if self._last_id is None else {"size": 100, "after": self._last_id}
        answer: Any = self._messages.list_messages(self._ids["appId"], self._ids["conversationId"], page=page)
        messages: list[Json] = answer.to_dict()["messages"]
        return messages

    def _show(self, message: Json) -> None:
        content = message.get("content")
        if content is None:  # it stands for an activity, such as the end of a ticket
            emit(f"  [{printable(message['activity']['type'])}]")
            return
        emit(f"{styled(printable(author_name(message['author'])), bold=True)}: {printable(content_line(content))}")
        offered = choices(content)
        self._choices = offered or self._choices
        for number, choice in enumerate(offered, 1):
            emit(f"  {number}. {printable(str(choice.get('text') or choice['type']))}")
        if content["type"] == "form":
            self._fields = content["fields"]
            self._begin_form()


def _ask(field: Json) -> None:
    options = ", ".join(option["label"] for option in field.get("options") or [])
    emit(f"  {printable(field.get('label') or field['name'])}{f' ({printable(options)})' if options else ''}?")
