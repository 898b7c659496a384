"""The whole API against a model of it: whatever is asked in whatever order, by whom and how, both say the same."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from conftest import WEBHOOK, Answer, Key, Wire
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from sunshine_keys.models import Scope
from sunshine_keys.testing import SunshineServer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100)


@dataclass
class Integration:
    app: str
    kind: str
    keys: dict[str, str] = field(default_factory=dict)
    webhooks: set[str] = field(default_factory=set)


@dataclass
class Credential:
    """A key that was issued, with what it belongs to."""

    key: Key
    app: str | None = None
    integration: str | None = None

    def auth(self, *, token: bool) -> str:
        return self.key.bearer() if token else self.key.basic()


class Api(RuleBasedStateMachine):
    credentials = Bundle("credentials")
    apps = Bundle("apps")
    integrations = Bundle("integrations")

    def __init__(self) -> None:
        super().__init__()
        self.server = SunshineServer()
        self.wire = Wire(self.server.url)
        self.live_apps: dict[str, dict[str, str]] = {self.server.app_id: {self.server.app_key.id: "Sample app key"}}
        self.live: dict[str, Integration] = {
            self.server.integration_id: Integration(self.server.app_id, "custom", {self.server.key.id: "Sample key"}),
            self.server.other_integration_id: Integration(self.server.app_id, "web"),
        }

    def teardown(self) -> None:
        self.server.close()

    @initialize(target=credentials)
    def first(self) -> Any:
        server = self.server
        return multiple(
            Credential(Key(server.account_key.id, server.account_key.secret)),
            Credential(Key(server.app_key.id, server.app_key.secret), server.app_id),
            Credential(Key(server.key.id, server.key.secret), server.app_id, server.integration_id),
        )

    @initialize(target=apps)
    def first_app(self) -> str:
        return self.server.app_id

    @initialize(target=integrations)
    def first_integrations(self) -> Any:
        return multiple(self.server.integration_id, self.server.other_integration_id)

    def is_live(self, actor: Credential) -> bool:
        if actor.key.scope is Scope.ACCOUNT:
            return True
        if actor.integration is not None:
            return actor.integration in self.live and actor.key.id in self.live[actor.integration].keys
        return actor.app in self.live_apps and actor.key.id in self.live_apps[str(actor.app)]

    def refusal(self, actor: Credential, app: str | None, integration: str | None, *scopes: Scope) -> int | None:
        """The status that the actor is refused with before anything is looked at, None where he is not."""
        if not self.is_live(actor):
            return 401
        if actor.key.scope is Scope.ACCOUNT:
            return None
        if actor.key.scope not in scopes or (app is not None and app != actor.app):
            return 403
        if actor.integration is not None and integration is not None and integration != actor.integration:
            return 403
        return None

    def missing(self, app: str, integration: str, *, custom: bool) -> int | None:
        if app not in self.live_apps:
            return 404
        if integration not in self.live or self.live[integration].app != app:
            return 404
        return 400 if custom and self.live[integration].kind != "custom" else None

    def path(self, app: str, integration: str) -> str:
        return f"/v2/apps/{app}/integrations/{integration}"

    def app_of(self, integration: str) -> str:
        known = self.live.get(integration)
        return known.app if known else self.server.app_id

    def expect(self, answer: Answer, *statuses: int | None) -> bool:
        """The first status that is no None is the expected one; True where it is that of success."""
        expected = next(status for status in statuses if status is not None)
        assert answer.status == expected, (answer.status, expected, answer.content)
        return answer.status < 300

    @rule(target=apps, actor=credentials, token=st.booleans(), name=NAMES)
    def create_app(self, actor: Credential, token: bool, name: str) -> Any:
        answer = self.wire.post("/v2/apps", actor.auth(token=token), {"displayName": name})
        if self.expect(answer, self.refusal(actor, None, None), 201):
            app = answer.json["app"]
            assert app["displayName"] == name
            self.live_apps[app["id"]] = {}
            return app["id"]
        return multiple()

    @rule(actor=credentials, token=st.booleans(), app=apps)
    def delete_app(self, actor: Credential, token: bool, app: str) -> None:
        answer = self.wire.delete(f"/v2/apps/{app}", actor.auth(token=token))
        missing = None if app in self.live_apps else 404
        if self.expect(answer, self.refusal(actor, app, None), missing, 200):
            del self.live_apps[app]
            self.live = {name: each for name, each in self.live.items() if each.app != app}

    @rule(target=credentials, actor=credentials, token=st.booleans(), app=apps, name=NAMES)
    def create_app_key(self, actor: Credential, token: bool, app: str, name: str) -> Any:
        answer = self.wire.post(f"/v2/apps/{app}/keys", actor.auth(token=token), {"displayName": name})
        missing = None if app in self.live_apps else 404
        full = 400 if len(self.live_apps.get(app, {})) >= 10 else None
        if self.expect(answer, self.refusal(actor, app, None), missing, full, 201):
            key = answer.json["key"]
            self.live_apps[app][key["id"]] = name
            return Credential(Key.of(key), app)
        return multiple()

    @rule(
        target=integrations, actor=credentials, token=st.booleans(), app=apps, kind=st.sampled_from(["custom", "web"])
    )
    def create_integration(self, actor: Credential, token: bool, app: str, kind: str) -> Any:
        body: dict[str, Any] = {"type": kind}
        if kind == "custom":
            body["webhooks"] = [WEBHOOK]
        answer = self.wire.post(f"/v2/apps/{app}/integrations", actor.auth(token=token), body)
        missing = None if app in self.live_apps else 404
        if self.expect(answer, self.refusal(actor, app, None, Scope.APP), missing, 201):
            made = answer.json["integration"]
            self.live[made["id"]] = Integration(app, kind, webhooks={each["id"] for each in made.get("webhooks", [])})
            return made["id"]
        return multiple()

    @rule(actor=credentials, token=st.booleans(), integration=integrations)
    def delete_integration(self, actor: Credential, token: bool, integration: str) -> None:
        app = self.app_of(integration)
        answer = self.wire.delete(self.path(app, integration), actor.auth(token=token))
        refused = self.refusal(actor, app, integration, Scope.APP)
        if self.expect(answer, refused, self.missing(app, integration, custom=False), 200):
            del self.live[integration]

    @rule(target=credentials, actor=credentials, token=st.booleans(), integration=integrations, name=NAMES)
    def create_key(self, actor: Credential, token: bool, integration: str, name: str) -> Any:
        app = self.app_of(integration)
        answer = self.wire.post(f"{self.path(app, integration)}/keys", actor.auth(token=token), {"displayName": name})
        missing = self.missing(app, integration, custom=True)
        full = 400 if missing is None and len(self.live[integration].keys) >= 10 else None
        if self.expect(answer, self.refusal(actor, app, integration, Scope.APP), missing, full, 201):
            key = answer.json["key"]
            assert key["displayName"] == name
            self.live[integration].keys[key["id"]] = name
            return Credential(Key.of(key), app, integration)
        return multiple()

    @rule(actor=credentials, token=st.booleans(), integration=integrations)
    def list_keys(self, actor: Credential, token: bool, integration: str) -> None:
        app = self.app_of(integration)
        answer = self.wire.get(f"{self.path(app, integration)}/keys", actor.auth(token=token))
        refused = self.refusal(actor, app, integration, Scope.APP)
        if self.expect(answer, refused, self.missing(app, integration, custom=True), 200):
            assert {each["id"]: each["displayName"] for each in answer.json["keys"]} == self.live[integration].keys

    @rule(actor=credentials, token=st.booleans(), key=credentials, delete=st.booleans())
    def get_or_delete_a_key(self, actor: Credential, token: bool, key: Credential, delete: bool) -> None:
        if key.integration is None or key.app is None:
            return
        path = f"{self.path(key.app, key.integration)}/keys/{key.key.id}"
        answer = (self.wire.delete if delete else self.wire.get)(path, actor.auth(token=token))
        refused = self.refusal(actor, key.app, key.integration, Scope.APP)
        missing = self.missing(key.app, key.integration, custom=True)
        gone = None if self.is_live(key) else 404
        if self.expect(answer, refused, missing, gone, 200):
            if delete:
                del self.live[key.integration].keys[key.key.id]
            else:
                assert answer.json["key"]["secret"] == key.key.secret

    @rule(actor=credentials, token=st.booleans(), integration=integrations)
    def webhooks_of(self, actor: Credential, token: bool, integration: str) -> None:
        app = self.app_of(integration)
        answer = self.wire.get(f"{self.path(app, integration)}/webhooks", actor.auth(token=token))
        refused = self.refusal(actor, app, integration, Scope.APP, Scope.INTEGRATION)
        self.expect(answer, refused, self.missing(app, integration, custom=True), 200)

    @rule(actor=credentials, token=st.booleans())
    def token_info(self, actor: Credential, token: bool) -> None:
        answer = self.wire.get("/v2/tokenInfo", actor.auth(token=token))
        refused = self.refusal(actor, None, None, Scope.APP, Scope.INTEGRATION)
        account = 403 if actor.key.scope is Scope.ACCOUNT else None
        if self.expect(answer, refused, account, 200):
            assert answer.json["app"]["id"] == actor.app


def test_the_api_does_what_its_model_says() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Api,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
