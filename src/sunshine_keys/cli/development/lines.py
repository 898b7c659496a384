"""The lines of `dev`: each call of the bot and of simulated people, and each attempt to deliver an event, in order of time."""

from __future__ import annotations

import itertools
import re
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sunshine_keys.cli.exits import printable
from sunshine_keys.cli.remote.session import Session
from sunshine_keys.cli.terminal import emit, styled
from sunshine_keys.console.conversation_lines import author_name, content_line
from sunshine_keys.wire.outcome import Outcome

_DELIVERIES = "/apps/{appId}/deliveries"
_POLL_SECONDS = 0.1
_RETRY_POLLS = 10
"""Deliveries that have failed are read again after so many polls."""
_MOST_UNFINISHED = 20
_LATE_SECONDS = 0.25
"""A line waits so long for lines with an earlier time, which are read later."""


class Line(NamedTuple):
    """A line, and the time of what it shows, in seconds since 1970."""

    time: float
    text: str


class Calls:
    """Collects a line for each call of the bot and of simulated people, on the event loop of the server.

    The calls of the keys `own_key_ids` are left out, but for those that act for people.
    """

    def __init__(self, own_key_ids: frozenset[str]) -> None:
        self._own_key_ids = own_key_ids
        self.lines: deque[Line] = deque()

    def __call__(self, outcome: Outcome) -> None:
        request = outcome.request
        plane, *rest = request.segments
        is_person = plane == "simulator"
        is_own = request.actor is not None and request.actor.key_id in self._own_key_ids
        if not (is_person or (plane == "v2" and not is_own)):
            return
        path = "/".join(["", *map(_shortened, rest[3:] if is_person else rest[2:])])
        status = styled(str(outcome.status), fg="red" if outcome.status >= 400 else "green")
        fault = f" {outcome.code}" if outcome.code else ""
        who = "person" if is_person else "bot"
        text = f"{who:<8} {request.method} {path}  {status}{fault} in {outcome.seconds * 1000:.0f} ms"
        self.lines.append(Line(outcome.began, text))


_ID = re.compile("[0-9a-f]{24}")


def _shortened(segment: str) -> str:
    """Return a segment of a path, of which an id of the service has only its end."""
    return f"…{segment[-4:]}" if _ID.fullmatch(segment) else printable(segment)


class Watch:
    """Prints what happens, in the order of its times."""

    def __init__(self, session: Session, app_id: str, calls: Calls) -> None:
        """`session` may read the app's deliveries."""
        self._session = session
        self._ids = {"appId": app_id}
        self._calls = calls
        self._after = 0
        self._unfinished: dict[int, int] = {}
        """By number, the attempts of deliveries that are shown already."""
        self._lines: list[Line] = []

    def skip_past(self) -> None:
        """Leave out the deliveries that there are already."""
        newest = self._session.own("GET", _DELIVERIES, self._ids, limit=1)["deliveries"]
        self._after = newest[0]["number"] if newest else 0

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Print lines until `is_stopping` returns True, which is called several times a second."""
        for number in itertools.count():
            self._read_deliveries()
            if number % _RETRY_POLLS == 0:
                self._read_attempts()
            while self._calls.lines:
                self._lines.append(self._calls.lines.popleft())
            self._print(time.time() - _LATE_SECONDS)
            time.sleep(_POLL_SECONDS)
            if is_stopping():
                return

    def _read_deliveries(self) -> None:
        page = self._session.own("GET", _DELIVERIES, self._ids, after=self._after, limit=100)
        for delivery in page["deliveries"]:
            if not delivery["attempts"] and delivery["state"] == "pending":
                break
            self._after = delivery["number"]
            self._show(delivery)

    def _read_attempts(self) -> None:
        for number in list(self._unfinished)[:_MOST_UNFINISHED]:
            self._show(self._read(number))

    def _read(self, number: int) -> dict[str, Any]:
        path = f"{_DELIVERIES}/{{deliveryNumber}}"
        answer: dict[str, dict[str, Any]] = self._session.own("GET", path, self._ids | {"deliveryNumber": str(number)})
        return answer["delivery"]

    def _show(self, delivery: dict[str, Any]) -> None:
        """Add a line for each attempt that has none. A delivery of a list lacks the payload of its event."""
        number, attempts, event = delivery["number"], delivery["attempts"], delivery["event"]
        new = attempts[self._unfinished.pop(number, 0) :]
        if new and "payload" not in event:
            event = self._read(number)["event"]
        for attempt in new:
            next_at = delivery.get("nextAttemptAt") if attempt is attempts[-1] else None
            self._lines.append(_attempt_line(event, attempt, next_at))
        if delivery["state"] == "pending":
            self._unfinished[number] = len(attempts)

    def _print(self, until: float) -> None:
        self._lines.sort()
        while self._lines and self._lines[0].time <= until:
            line = self._lines.pop(0)
            emit(f"{time.strftime('%H:%M:%S', time.localtime(line.time))}  {line.text}")


def _attempt_line(event: dict[str, Any], attempt: dict[str, Any], next_at: str | None) -> Line:
    if "status" in attempt:
        result = styled(str(attempt["status"]), fg="green" if attempt["status"] < 300 else "red")
    else:
        result = styled(printable(attempt.get("error", "no answer")), fg="red")
    message = event.get("payload", {}).get("message")
    said = ""
    if message:  # one without content stands for an activity, such as the end of a ticket
        said = f"  {author_name(message['author'])}: {content_line(message.get('content') or message['activity'])}"
    later = f", again at {next_at}" if next_at else ""
    began = datetime.fromisoformat(attempt["startedAt"]).timestamp()
    text = f"{'webhook':<8} {event['type']}{printable(said)}  {result} in {attempt['milliseconds']:.0f} ms{later}"
    return Line(began + attempt["milliseconds"] / 1000, text)
