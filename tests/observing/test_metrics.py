"""The page /metrics, parsed as Prometheus parses it."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.commands import failed, run
from support.servers import Server
from support.wire import Key, Place, Wire, first_run

from sunshine_keys import server
from sunshine_keys.observing.metrics_page import MetricsAccess
from sunshine_keys.observing.prometheus import FAMILIES, Samples, histogram, text
from sunshine_keys.store.statistics import Histogram

TOKEN = "a token of the tests' own"[2:].replace(" ", "-")
KEYS = "/v2/apps/{appId}/integrations/{integrationId}/keys"
TOTAL = "sunshine_keys_requests_total"


class Page:
    """The parsed samples of the page."""

    def __init__(self, wire: Wire) -> None:
        answer = wire.get("/metrics", f"Bearer {TOKEN}")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.content.decode()
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def has(self, name: str) -> bool:
        return any(sample.name == name for sample in self.samples)


def wait_for(wire: Wire, is_there: Callable[[Page], Any]) -> Page:
    deadline = time.monotonic() + 30
    while not is_there(page := Page(wire)):
        assert time.monotonic() < deadline, page.text
        time.sleep(0.05)
    return page


class Measured:
    """A running service with metrics, and the objects of its store."""

    def __init__(self, place: Place) -> None:
        sample = first_run(place, sample=True)
        self.place = place
        self.account, self.app_key, self.key = (Key.of(sample[name]) for name in ("account_key", "app_key", "key"))
        self.keys = f"/v2/apps/{sample['app']['id']}/integrations/{sample['integration']['id']}/keys"


@pytest.fixture
def measured(place: Place) -> Measured:
    return Measured(place)


@pytest.fixture
def wire(measured: Measured) -> Iterator[Wire]:
    import msgspec

    settings = msgspec.structs.replace(measured.place.settings, metrics=MetricsAccess(TOKEN))
    with server.running(settings) as url:
        yield Wire(url)


def test_requests_are_counted_by_route_method_status_and_scope(wire: Wire, measured: Measured) -> None:
    for auth in (measured.app_key, measured.app_key, measured.key, None):
        wire.get(measured.keys, auth)
    wire.get("/v2/what-was-sent")
    wire.send("PROPFIND", "/v2/what-was-sent")
    page = Page(wire)
    assert page.value(TOTAL, route=KEYS, method="GET", status="200", scope="app") == 2
    assert page.value(TOTAL, route=KEYS, method="GET", status="403", scope="integration") == 1
    assert page.value(TOTAL, route=KEYS, method="GET", status="401", scope="none") == 1
    assert page.value(TOTAL, route="none", method="GET", status="404") == 1
    assert page.value(TOTAL, route="none", method="other", status="404") == 1
    assert page.value("sunshine_keys_errors_total", code="unauthorized") == 1
    assert page.value("sunshine_keys_request_duration_seconds_count", route=KEYS) == 4
    assert "what-was-sent" not in page.text
    assert measured.app_key.id not in page.text


def test_the_page_is_what_prometheus_reads(wire: Wire, measured: Measured) -> None:
    assert wire.post(measured.keys, measured.app_key, {"displayName": "x"}).status == 201
    page = Page(wire)
    kinds = {family.name.removesuffix("_total"): family.kind for family in FAMILIES}
    assert {family.name: family.type for family in page.families}.items() <= kinds.items()
    assert all(family.documentation for family in page.families)
    of_commits = [sample for sample in page.samples if sample.name == "sunshine_keys_commit_changes_bucket"]
    assert [sample.value for sample in of_commits] == sorted(sample.value for sample in of_commits)
    assert of_commits[-1].labels == {"le": "+Inf"}


def test_commits_and_replays_are_counted(wire: Wire, measured: Measured) -> None:
    before = Page(wire)
    for _ in range(2):
        headers = {"Idempotency-Key": "once"}
        assert wire.post(measured.keys, measured.app_key, {"displayName": "x"}, headers=headers).status == 201
    page = Page(wire)
    assert page.value("sunshine_keys_idempotent_replays_total") == 1
    for name, grown in (("changes_count", 2), ("changes_sum", 2), ("duration_seconds_count", 2), ("failures_total", 0)):
        sample = f"sunshine_keys_commit_{name}"
        assert page.value(sample) - before.value(sample) == grown, name


def test_keys_are_counted_by_scope(wire: Wire) -> None:
    page = wait_for(wire, lambda page: page.has("sunshine_keys_keys"))
    assert {sample.labels["scope"]: sample.value for sample in page.samples if sample.name == "sunshine_keys_keys"} == {
        "account": 1,
        "app": 1,
        "integration": 1,
    }


def test_a_node_measures_its_lease_and_the_waits_of_deletes(wire: Wire, measured: Measured) -> None:
    assert wire.get("/readyz").status == 200
    assert wire.delete(f"{measured.keys}/{measured.key.id}", measured.app_key).status == 200
    page = Page(wire)
    if measured.place.database is None:
        assert not page.has("sunshine_keys_leases")
        assert not page.has("sunshine_keys_revocation_wait_seconds_count")
    else:
        assert page.value("sunshine_keys_leases") == page.value("sunshine_keys_processes") == 1
        uses = (wire.get(measured.keys, measured.app_key).status for _ in itertools.count())
        wait_for(wire, lambda page: next(uses) == 200 and page.value("sunshine_keys_remembered_keys") == 1)
        assert page.value("sunshine_keys_revocation_wait_seconds_count") == 1


@pytest.mark.parametrize("auth", [None, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer töken"])
def test_only_the_token_opens_the_page(wire: Wire, measured: Measured, auth: str | None) -> None:
    answer = wire.get("/metrics", auth.encode("latin-1").decode("latin-1") if auth else None)
    assert (answer.status, answer.errors) == (401, [("unauthorized", "The metrics token is required")])
    assert wire.get("/metrics", measured.account).status == 401


def test_without_a_token_the_page_does_not_exist(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    first_run(place)
    with server.running(place.settings) as url:
        answer = Wire(url).get("/metrics")
        assert (answer.status, answer.errors) == (404, [("not_found", "Resource not found")])


class TestSeveralProcesses:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\n")
        return file

    def test_every_worker_answers_with_the_counts_of_all(self, tmp_path: Path, file: Path) -> None:
        place = Place(tmp_path, None)
        measured = Measured(place)
        with Server(place, "--workers", "2", "--metrics-token-file", str(file)) as served:
            for _ in range(40):
                assert served.wire.get(measured.keys, measured.app_key).status == 200
            page = wait_for(served.wire, lambda page: page.value("sunshine_keys_processes") == 2)
            page = wait_for(served.wire, lambda page: page.value(TOTAL, route=KEYS) == 40)
            for _ in range(10):  # any worker answers
                assert Page(served.wire).value(TOTAL, route=KEYS) == 40
            page = wait_for(served.wire, lambda page: page.has("sunshine_keys_keys"))
            assert page.value("sunshine_keys_keys", scope="account") == 1

    def test_the_counts_of_a_killed_worker_stay(self, tmp_path: Path, file: Path) -> None:
        place = Place(tmp_path, None)
        measured = Measured(place)
        with Server(place, "--workers", "2", "--metrics-token-file", str(file)) as served:
            for _ in range(40):
                assert served.wire.get(measured.keys, measured.app_key).status == 200
            wait_for(served.wire, lambda page: page.value(TOTAL, route=KEYS) == 40)
            for child in served.children():
                if b"supervisor" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(child, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while True:
                try:
                    page = Page(served.wire)
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                else:
                    break
            assert page.value(TOTAL, route=KEYS) == 40
            wait_for(served.wire, lambda page: page.value("sunshine_keys_processes") == 2)


@pytest.mark.parametrize("token", ["", "short", "x" * 1001, "white space in a token"])
def test_an_invalid_token_is_refused_at_the_start(tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    options = ("serve", "--data", str(tmp_path / "data"), "--metrics-token-file", str(file))
    said = failed(run(*options))
    assert said == "sunshine-keys: the metrics token should be 16 to 1000 visible ASCII characters"
    assert not (tmp_path / "data").exists()
    if token:
        assert failed(run("serve", "--data", str(tmp_path / "data"), SUNSHINE_KEYS_METRICS_TOKEN=token)) == said
    file.unlink()
    assert "cannot read the metrics token" in failed(run(*options))


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(MetricsAccess(TOKEN))


def test_a_histogram_counts_what_is_at_most_its_bound() -> None:
    measured = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 99.0):
        measured.observe(value)
    samples: Samples = {}
    histogram(samples, "sunshine_keys_commit_changes", measured)
    (family,) = text_string_to_metric_families(text(samples).decode())
    assert [(sample.labels.get("le"), sample.value) for sample in family.samples] == [
        ("1", 2.0),
        ("2", 3.0),
        ("+Inf", 4.0),
        (None, 102.0),
        (None, 4.0),
    ]
