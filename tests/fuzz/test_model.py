"""The whole API against a model: for any requests in any order by any caller, both give the same answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from support.wire import WEBHOOK, Answer, Key, LastingWire

from sunshine_keys.access.scopes import Scope
from sunshine_keys.testing import SunshineServer
from sunshine_keys.webhooks.model import TRIGGERS

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))

View = dict[str, Any]
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100)
flags = st.booleans()


@dataclass
class Integration:
    """An integration in the model: its view without webhooks, and its webhooks and keys by id."""

    app: str
    view: View
    webhooks: dict[str, View] = field(default_factory=dict)
    keys: dict[str, View] = field(default_factory=dict)

    @property
    def custom(self) -> bool:
        return self.view["type"] == "custom"

    @property
    def shown(self) -> View:
        return self.view | ({"webhooks": list(self.webhooks.values())} if self.custom else {})


@dataclass
class App:
    view: View
    keys: dict[str, View] = field(default_factory=dict)


@dataclass(frozen=True)
class Credential:
    """An issued key with its owner. It may be deleted."""

    key: Key
    app: str = ""
    integration: str = ""

    @property
    def owner(self) -> tuple[str, str]:
        return self.app, self.integration


@dataclass(frozen=True)
class Auth:
    """A credential in a request: Basic or a token, sometimes with a wrong secret."""

    credential: Credential
    by_token: bool
    wrong: bool

    @property
    def header(self) -> str:
        key = self.credential.key
        if self.wrong:
            key = Key(key.id, key.secret[::-1])
        return key.bearer() if self.by_token else key.basic()


class Api(RuleBasedStateMachine):
    accounts: Bundle[Credential] = Bundle("accounts")
    credentials: Bundle[Credential] = Bundle("credentials")
    apps: Bundle[str] = Bundle("apps")
    integrations: Bundle[tuple[str, str]] = Bundle("integrations")
    webhooks: Bundle[tuple[str, str, str]] = Bundle("webhooks")
    # Half are account keys, since most requests with other keys are refused.
    auths = st.builds(Auth, accounts | credentials, flags, st.sampled_from([False] * 9 + [True]))

    def __init__(self) -> None:
        super().__init__()
        self.server = SunshineServer()
        self.wire = LastingWire(self.server.url)
        self.account = Credential(Key(self.server.account_key.id, self.server.account_key.secret))
        self.live_apps: dict[str, App] = {}
        self.live: dict[str, Integration] = {}
        self.learn(self.server.app_id)

    def learn(self, app: str) -> None:
        """Read the objects of a new app into the model."""

        def fetch(place: tuple[str, str], what: str) -> Any:
            return self.wire.get(path(place) + what, self.account.key).json

        keys = fetch((app, ""), "/keys")["keys"]
        self.live_apps[app] = App(fetch((app, ""), "")["app"], {item["id"]: item for item in keys})
        for shown in fetch((app, ""), "/integrations")["integrations"]:
            hooks = {item["id"]: item for item in shown.pop("webhooks", [])}
            integration = self.live[shown["id"]] = Integration(app, shown, hooks)
            if integration.custom:
                integration.keys = {item["id"]: item for item in fetch((app, shown["id"]), "/keys")["keys"]}

    def teardown(self) -> None:
        try:
            self.compare_all()
        finally:
            self.wire.close()
            self.server.close()

    def compare_all(self) -> None:
        """Compare all objects of the service with the model."""
        account = Auth(self.account, by_token=False, wrong=False)
        apps = {item["id"]: item for item in self.walk("/v2/apps?", account, "apps", 100)}
        assert apps == {name: item.view for name, item in self.live_apps.items()}
        for app in apps:
            self.list_keys(account, (app, ""))
            self.list_integrations(account, app, 100, "")
        for name, item in self.live.items():
            if item.custom:
                self.list_keys(account, (item.app, name))

    @initialize(target=accounts)
    def first_account(self) -> Credential:
        return self.account

    @initialize(target=credentials)
    def first_credentials(self) -> Any:
        server = self.server
        app_key, key = Key(server.app_key.id, server.app_key.secret), Key(server.key.id, server.key.secret)
        of_app, of_integration = (server.app_id,), (server.app_id, server.integration_id)
        return multiple(Credential(app_key, *of_app), Credential(key, *of_integration))

    @initialize(target=apps)
    def first_app(self) -> str:
        return self.server.app_id

    @initialize(target=integrations)
    def first_integrations(self) -> Any:
        app = self.server.app_id
        return multiple((app, self.server.integration_id), (app, self.server.other_integration_id))

    # Expectations of the model.

    def keys_of(self, app: str, integration: str) -> dict[str, View]:
        """Return the keys of an integration or of an app, empty if the owner is deleted."""
        if integration:
            return self.live[integration].keys if integration in self.live else {}
        return self.live_apps[app].keys if app in self.live_apps else {}

    def refusal(self, auth: Auth, scopes: set[Scope], app: str = "", integration: str = "") -> int | None:
        """Return the status of a request that is refused for its credentials or scope, or None."""
        actor = auth.credential
        scope = actor.key.scope
        if auth.wrong or (scope is not Scope.ACCOUNT and actor.key.id not in self.keys_of(*actor.owner)):
            return 401
        if scope is Scope.ACCOUNT:
            return None
        foreign = (app and app != actor.app) or (actor.integration and integration and integration != actor.integration)
        return 403 if scope not in scopes or foreign else None

    def missing(self, app: str, integration: str = "", *, custom: bool = False) -> int | None:
        if app not in self.live_apps:
            return 404
        if integration and (integration not in self.live or self.live[integration].app != app):
            return 404
        return 400 if custom and integration and not self.live[integration].custom else None

    def agreed(self, answer: Answer, *statuses: int | None) -> bool:
        """Check that the answer has the first of `statuses` that is not None, and return True if it is a success."""
        expected = next(status for status in statuses if status is not None)
        assert answer.status == expected, (answer.status, expected, answer.content)
        assert answer.status < 300 or answer.errors
        return answer.status < 300

    # Apps.

    @rule(target=apps, auth=auths, name=names, metadata=st.none() | st.dictionaries(names, names, max_size=2))
    def create_app(self, auth: Auth, name: str, metadata: View | None) -> Any:
        answer = self.wire.post("/v2/apps", auth.header, {"displayName": name, "metadata": metadata})
        if not self.agreed(answer, self.refusal(auth, set()), 201):
            return multiple()
        view = answer.json["app"]
        assert (view["displayName"], view.get("metadata")) == (name, metadata)
        self.live_apps[view["id"]] = App(view)
        return view["id"]

    @rule(auth=auths, app=apps)
    def get_app(self, auth: Auth, app: str) -> None:
        answer = self.wire.get(f"/v2/apps/{app}", auth.header)
        if self.agreed(answer, self.refusal(auth, {Scope.APP}, app), self.missing(app), 200):
            assert answer.json == {"app": self.live_apps[app].view}

    @rule(auth=auths, size=st.integers(1, 4))
    def list_apps(self, auth: Auth, size: int) -> None:
        if self.agreed(self.wire.get(f"/v2/apps?page[size]={size}", auth.header), self.refusal(auth, set()), 200):
            pages = self.walk("/v2/apps?", auth, "apps", size)
            assert sorted(pages, key=lambda view: view["id"]) == [app.view for _, app in sorted(self.live_apps.items())]

    @rule(
        auth=auths, app=apps, name=st.none() | names, animals=flags,
        metadata=st.none() | st.dictionaries(names, names, max_size=2),
    )  # fmt: skip
    def update_app(self, auth: Auth, app: str, name: str | None, animals: bool, metadata: View | None) -> None:
        body = {"settings": {"useAnimalNames": animals}, "metadata": metadata}
        body |= {} if name is None else {"displayName": name}
        answer = self.wire.patch(f"/v2/apps/{app}", auth.header, body)
        if self.agreed(answer, self.refusal(auth, {Scope.APP}, app), self.missing(app), 200):
            known = self.live_apps[app]
            view = known.view | body | {"settings": known.view["settings"] | body["settings"]}
            known.view = {field: value for field, value in view.items() if value is not None}
            assert answer.json == {"app": known.view}

    @rule(auth=auths, app=apps)
    def delete_app(self, auth: Auth, app: str) -> None:
        answer = self.wire.delete(f"/v2/apps/{app}", auth.header)
        if self.agreed(answer, self.refusal(auth, set(), app), self.missing(app), 200):
            assert answer.json == {}
            del self.live_apps[app]
            self.live = {name: integration for name, integration in self.live.items() if integration.app != app}

    @rule(auth=auths)
    def token_info(self, auth: Auth) -> None:
        answer = self.wire.get("/v2/tokenInfo", auth.header)
        of_account = 403 if auth.credential.key.scope is Scope.ACCOUNT else None
        if self.agreed(answer, self.refusal(auth, {Scope.APP, Scope.INTEGRATION}), of_account, 200):
            assert answer.json == {"app": self.live_apps[auth.credential.app].view}

    # Integrations.

    @rule(target=integrations, auth=auths, app=apps, kind=st.sampled_from(["custom", "web", "ios"]), name=names)
    def create_integration(self, auth: Auth, app: str, kind: str, name: str) -> Any:
        body: View = {"type": kind, "displayName": name} | ({"webhooks": [WEBHOOK]} if kind == "custom" else {})
        answer = self.wire.post(f"/v2/apps/{app}/integrations", auth.header, body)
        if not self.agreed(answer, self.refusal(auth, {Scope.APP}, app), self.missing(app), 201):
            return multiple()
        view = answer.json["integration"]
        hooks = {hook["id"]: hook for hook in view.pop("webhooks", [])}
        assert view == {"id": view["id"], "type": kind, "status": "active", "displayName": name}
        self.live[view["id"]] = Integration(app, view, hooks)
        return app, view["id"]

    @rule(auth=auths, place=integrations)
    def get_integration(self, auth: Auth, place: tuple[str, str]) -> None:
        answer = self.wire.get(path(place), auth.header)
        if self.agreed(answer, self.refusal(auth, {Scope.APP}, *place), self.missing(*place), 200):
            assert answer.json == {"integration": self.live[place[1]].shown}

    @rule(auth=auths, app=apps, size=st.integers(1, 4), kind=st.sampled_from(["", "custom", "web,ios"]))
    def list_integrations(self, auth: Auth, app: str, size: int, kind: str) -> None:
        target = f"/v2/apps/{app}/integrations?" + (f"filter[types]={kind}&" if kind else "")
        answer = self.wire.get(target, auth.header)
        if self.agreed(answer, self.refusal(auth, {Scope.APP}, app), self.missing(app), 200):
            kinds = kind.split(",") if kind else ["custom", "web", "ios"]
            expected = [item.shown for item in self.live.values() if item.app == app and item.view["type"] in kinds]
            views = self.walk(target, auth, "integrations", size)
            assert sorted(views, key=id_of) == sorted(expected, key=id_of)

    @rule(auth=auths, place=integrations, name=st.none() | names, responder=st.none() | names)
    def update_integration(self, auth: Auth, place: tuple[str, str], name: str | None, responder: str | None) -> None:
        body = {"displayName": name, "defaultResponderId": responder}
        answer = self.wire.patch(path(place), auth.header, body)
        if self.agreed(answer, self.refusal(auth, {Scope.APP}, *place), self.missing(*place), 200):
            known = self.live[place[1]]
            known.view = {field: value for field, value in (known.view | body).items() if value is not None}
            assert answer.json == {"integration": known.shown}

    @rule(auth=auths, place=integrations)
    def delete_integration(self, auth: Auth, place: tuple[str, str]) -> None:
        answer = self.wire.delete(path(place), auth.header)
        if self.agreed(answer, self.refusal(auth, {Scope.APP}, *place), self.missing(*place), 200):
            assert answer.json == {}
            del self.live[place[1]]

    # Keys of apps and of integrations. Only account keys may manage the keys of an app.

    def of_keys(self, auth: Auth, place: tuple[str, str]) -> tuple[int | None, int | None]:
        scopes = {Scope.APP} if place[1] else set[Scope]()
        return self.refusal(auth, scopes, *place), self.missing(*place, custom=True)

    @rule(
        target=credentials, auth=auths, place=integrations | apps.map(lambda app: (app, "")), name=names,
        count=st.sampled_from([1, 1, 1, 11]),
    )  # fmt: skip
    def create_keys(self, auth: Auth, place: tuple[str, str], name: str, count: int) -> Any:
        created: list[Credential] = []
        for _ in range(count):
            answer = self.wire.post(f"{path(place)}/keys", auth.header, {"displayName": name})
            full = 400 if len(self.keys_of(*place)) >= 10 else None
            if self.agreed(answer, *self.of_keys(auth, place), full, 201):
                view = answer.json["key"]
                assert view["displayName"] == name
                self.keys_of(*place)[view["id"]] = view
                created.append(Credential(Key.of(view), *place))
        return multiple(*created)

    @rule(auth=auths, place=integrations | apps.map(lambda app: (app, "")))
    def list_keys(self, auth: Auth, place: tuple[str, str]) -> None:
        answer = self.wire.get(f"{path(place)}/keys", auth.header)
        if self.agreed(answer, *self.of_keys(auth, place), 200):
            assert answer.json == {"keys": list(self.keys_of(*place).values())}

    @rule(auth=auths, key=accounts | credentials, elsewhere=st.none() | integrations)
    def get_key(self, auth: Auth, key: Credential, elsewhere: tuple[str, str] | None) -> None:
        place = elsewhere or (key.owner if key.app else (self.server.app_id, ""))
        answer = self.wire.get(f"{path(place)}/keys/{key.key.id}", auth.header)
        known = self.keys_of(*place).get(key.key.id)
        if self.agreed(answer, *self.of_keys(auth, place), None if known else 404, 200):
            assert answer.json == {"key": known}
            assert known is not None and known["secret"] == key.key.secret

    @rule(auth=auths, key=accounts | credentials)
    def delete_key(self, auth: Auth, key: Credential) -> None:
        place = key.owner if key.app else (self.server.app_id, "")
        answer = self.wire.delete(f"{path(place)}/keys/{key.key.id}", auth.header)
        gone = None if key.key.id in self.keys_of(*place) else 404
        if self.agreed(answer, *self.of_keys(auth, place), gone, 200):
            assert answer.json == {}
            del self.keys_of(*place)[key.key.id]

    # Webhooks.

    def of_webhooks(self, auth: Auth, place: tuple[str, str]) -> tuple[int | None, int | None]:
        return self.refusal(auth, {Scope.APP, Scope.INTEGRATION}, *place), self.missing(*place, custom=True)

    @rule(
        target=webhooks,
        auth=auths,
        place=integrations,
        triggers=st.lists(st.sampled_from(TRIGGERS), max_size=3),
        full=flags,
    )
    def create_webhook(self, auth: Auth, place: tuple[str, str], triggers: list[str], full: bool) -> Any:
        body = {"target": "https://example.com/ä", "triggers": triggers, "includeFullUser": full}
        answer = self.wire.post(f"{path(place)}/webhooks", auth.header, body)
        if not self.agreed(answer, *self.of_webhooks(auth, place), 201):
            return multiple()
        view = answer.json["webhook"]
        webhook = {"id": view["id"], "secret": view["secret"], "version": "v2", "includeFullSource": False}
        assert view == webhook | body
        self.live[place[1]].webhooks[view["id"]] = view
        return *place, view["id"]

    @rule(auth=auths, place=integrations)
    def list_webhooks(self, auth: Auth, place: tuple[str, str]) -> None:
        answer = self.wire.get(f"{path(place)}/webhooks", auth.header)
        if self.agreed(answer, *self.of_webhooks(auth, place), 200):
            assert answer.json == {"webhooks": list(self.live[place[1]].webhooks.values())}

    def webhook(
        self, auth: Auth, hook: tuple[str, str, str], send: Callable[..., Answer], **options: Any
    ) -> View | None:
        """Return the model's webhook if the request for it succeeded, otherwise None."""
        app, integration, webhook = hook
        answer = send(f"{path((app, integration))}/webhooks/{webhook}", auth.header, **options)
        known = self.live[integration].webhooks if integration in self.live else {}
        gone = None if webhook in known else 404
        if not self.agreed(answer, *self.of_webhooks(auth, (app, integration)), gone, 200):
            return None
        known[webhook] |= options.get("body", {})
        assert answer.json == ({} if send == self.wire.delete else {"webhook": known[webhook]})
        return known[webhook]

    @rule(auth=auths, hook=webhooks)
    def get_webhook(self, auth: Auth, hook: tuple[str, str, str]) -> None:
        self.webhook(auth, hook, self.wire.get)

    @rule(auth=auths, hook=webhooks, triggers=st.lists(st.sampled_from(TRIGGERS), max_size=3), source=flags)
    def update_webhook(self, auth: Auth, hook: tuple[str, str, str], triggers: list[str], source: bool) -> None:
        self.webhook(auth, hook, self.wire.patch, body={"triggers": triggers, "includeFullSource": source})

    @rule(auth=auths, hook=webhooks)
    def delete_webhook(self, auth: Auth, hook: tuple[str, str, str]) -> None:
        if self.webhook(auth, hook, self.wire.delete) is not None:
            del self.live[hook[1]].webhooks[hook[2]]

    def walk(self, target: str, auth: Auth, what: str, size: int) -> list[View]:
        """Return the items of all pages of a list."""
        views: list[View] = []
        after = ""
        while True:
            page = self.wire.get(f"{target}page[size]={size}{after}", auth.header).json
            assert len(page[what]) <= size
            views += page[what]
            if not page["meta"]["hasMore"]:
                return views
            after = f"&page[after]={page['meta']['afterCursor']}"


def path(place: tuple[str, str]) -> str:
    app, integration = place
    return f"/v2/apps/{app}" + (f"/integrations/{integration}" if integration else "")


def id_of(view: View) -> str:
    return str(view["id"])


@pytest.mark.timeout(0)  # shrinking a failure takes minutes
def test_the_api_behaves_as_its_model() -> None:
    run_machine(  # type: ignore[no-untyped-call]
        Api,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
