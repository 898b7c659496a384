"""The keys of an integration against a model, while the clock moves: their ends, their rotations, and who is accepted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from support.wire import Key, Wire

from sunshine_keys.keys.model import moment_text
from sunshine_keys.testing import SunshineServer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
HOUR = 3600
DAYS_LISTED = 30

View = dict[str, Any]


@dataclass
class Rotation:
    """A rotation in the model: the successor, when it began, and the end that the key had before."""

    successor: str
    began: str
    own_end: str | None


class Keys(RuleBasedStateMachine):
    """The clock moves by whole hours, and keys end half an hour after a whole one, so the time of a test does not matter."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.server = server = SunshineServer()
        self.wire = Wire(server.url)
        self.auth = Key(server.app_key.id, server.app_key.secret)
        self.owner = f"/v2/apps/{server.app_id}/integrations/{server.integration_id}"
        self.advanced = 0
        listed = self.wire.get(f"{self.owner}/keys", self.auth).json["keys"]
        self.views: dict[str, View] = {view["id"]: view for view in listed}
        self.secrets = {view["id"]: view["secret"] for view in listed}
        self.rotations: dict[str, Rotation] = {}

    def teardown(self) -> None:
        try:
            self.compare()
            for key_id in self.secrets:
                self.use(key_id, by_token=False)
        finally:
            self.server.close()

    @property
    def now(self) -> float:
        return time.time() + self.advanced

    def is_live(self, key_id: str) -> bool:
        view = self.views.get(key_id)
        return view is not None and not ("expiresAt" in view and seconds(view["expiresAt"]) <= self.now)

    @property
    def living(self) -> int:
        return sum(map(self.is_live, self.views))

    def add(self, view: View) -> str:
        key_id: str = view["id"]
        assert key_id not in self.secrets
        self.views[key_id], self.secrets[key_id] = view, view["secret"]
        return key_id

    @rule(target=ids)
    def first(self) -> str:
        return self.server.key.id

    @rule(target=ids, hours=st.none() | st.integers(-1, 60), count=st.sampled_from([1, 1, 4]))
    def create(self, hours: int | None, count: int) -> Any:
        created = []
        for _ in range(count):
            body = {"displayName": "x"}
            if hours is not None:
                body["expiresAt"] = text(self.now + hours * HOUR + HOUR / 2)
            answer = self.wire.post(f"{self.owner}/keys", self.auth, body)
            if hours == -1 or self.living >= 10:
                assert answer.status == 400, answer
                continue
            assert answer.status == 201, answer
            view = answer.json["key"]
            assert view == {"id": view["id"], "secret": view["secret"]} | body
            created.append(self.add(view))
        return multiple(*created)

    @rule(target=ids, key_id=ids, hours=st.none() | st.integers(0, 60))
    def rotate(self, key_id: str, hours: int | None) -> Any:
        body = {} if hours is None else {"graceSeconds": hours * HOUR + HOUR // 2}
        path = f"{self.owner}/keys/{key_id}/rotation".replace("/v2/", "/sunshine/v1/")
        answer = self.wire.send("PUT", path, self.auth, body=body)
        view, rotation = self.views.get(key_id), self.rotations.get(key_id)
        if view is None:
            assert answer.status == 404, answer
            return multiple()
        if rotation is None and (not self.is_live(key_id) or self.living >= 11):
            assert answer.status == 400, answer
            return multiple()
        assert answer.status == 200, answer
        status, successor = answer.json["rotation"], answer.json["key"]
        if rotation is None:
            rotation = self.rotations[key_id] = Rotation(successor["id"], status["beganAt"], view.get("expiresAt"))
            assert ("expiresAt" in successor) == ("expiresAt" in view)
            self.add(successor)
            body.setdefault("graceSeconds", 7 * 24 * HOUR)
        assert (status["keyId"], status["successorId"], status["beganAt"]) == (
            key_id, rotation.successor, rotation.began,
        )  # fmt: skip
        assert successor == self.views[rotation.successor]
        if self.is_live(key_id) and "graceSeconds" in body:
            end = text(seconds(rotation.began) + body["graceSeconds"])
            view["expiresAt"] = end if rotation.own_end is None else min(end, rotation.own_end)
        assert status["endsAt"] == view["expiresAt"]
        assert status["hasEnded"] is not self.is_live(key_id)
        return rotation.successor

    @rule(key_id=ids)
    def delete(self, key_id: str) -> None:
        answer = self.wire.delete(f"{self.owner}/keys/{key_id}", self.auth)
        assert answer.status == (200 if key_id in self.views else 404), answer
        self.forget(key_id, give_up=True)

    def forget(self, key_id: str, *, give_up: bool) -> None:
        """Delete a key in the model. With `give_up`, the key that it succeeds gets its own end back, if it is still needed."""
        give_up = give_up and key_id in self.views and self.is_live(key_id) and key_id not in self.rotations
        self.views.pop(key_id, None)
        self.rotations.pop(key_id, None)
        for old, rotation in list(self.rotations.items()):
            if rotation.successor == key_id:
                if give_up and self.is_live(old):
                    self.views[old].pop("expiresAt")
                    self.views[old] |= {} if rotation.own_end is None else {"expiresAt": rotation.own_end}
                del self.rotations[old]

    @rule(hours=st.sampled_from([1, 3, 20, 60, (DAYS_LISTED + 1) * 24]))
    def time_passes(self, hours: int) -> None:
        self.server.advance(hours * HOUR)
        self.advanced += hours * HOUR
        for key_id, view in list(self.views.items()):
            if "expiresAt" in view and seconds(view["expiresAt"]) <= self.now - DAYS_LISTED * 24 * HOUR:
                self.forget(key_id, give_up=False)

    @rule(minutes=st.sampled_from([-40, -10]))
    def the_clock_goes_back(self, minutes: int) -> None:
        """Set the clock back after the ends were recorded, look at every key, and set it forward."""
        self.server.advance(0)
        self.server.faults.clock_skew = minutes * 60
        try:
            for key_id in self.secrets:
                self.use(key_id, by_token=False)
        finally:
            self.server.faults.clock_skew = 0

    @rule(key_id=ids, by_token=st.booleans())
    def use(self, key_id: str, by_token: bool) -> None:
        key = Key(key_id, self.secrets[key_id])
        answer = self.wire.get(f"{self.owner}/webhooks", key.bearer() if by_token else key)
        assert answer.status == (200 if self.is_live(key_id) else 401), (key_id, answer)

    @rule()
    def compare(self) -> None:
        listed = self.wire.get(f"{self.owner}/keys", self.auth).json["keys"]
        assert sorted(listed, key=id_of) == sorted(self.views.values(), key=id_of)


def text(moment: float) -> str:
    written = moment_text(int(moment * 1000) / 1000)
    assert written is not None
    return written


def seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def id_of(view: View) -> str:
    return str(view["id"])


@pytest.mark.timeout(0)  # shrinking a failure takes minutes
def test_keys_behave_as_their_model() -> None:
    run_machine(  # type: ignore[no-untyped-call]
        Keys,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
