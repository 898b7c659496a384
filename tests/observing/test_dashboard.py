"""The dashboard and the alarms query existing metrics, and the documentation explains every alarm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunshine_keys.observing.prometheus import FAMILIES

ROOT = Path(__file__).parents[2]
SAMPLES = {name: family for family in FAMILIES for name in family.samples}
LABELS = {
    "sunshine_keys_requests_total": {"route", "method", "status", "scope"},
    "sunshine_keys_request_duration_seconds": {"route", "method"},
    "sunshine_keys_errors_total": {"code"},
    "sunshine_keys_rejections_total": {"cause"},
    "sunshine_keys_webhook_attempts_total": {"outcome"},
    "sunshine_keys_key_events_total": {"type"},
    "sunshine_keys_notification_attempts_total": {"outcome"},
    "sunshine_keys_workers_replaced_total": {"cause"},
    "sunshine_keys_keys": {"scope"},
}
"""The labels that docs/operations.md documents. tests/observing/test_metrics.py checks them on the page."""

OF_PROMETHEUS = {"instance", "job", "le"}

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "sunshine-keys.json").read_text())
(RULES,) = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]
    for rule in RULES["rules"]:
        yield rule["expr"]


def metrics_in(query: str) -> set[str]:
    return set(re.findall(r"\bsunshine_keys_\w+", query))


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_names_existing_metrics_and_labels(query: str) -> None:
    named = metrics_in(query)
    assert named <= SAMPLES.keys()
    assert named or query.startswith("up{")
    for counted in re.findall(r"rate\((\w+)", query):
        assert SAMPLES[counted].kind in ("counter", "histogram")
    known = OF_PROMETHEUS.union(*(LABELS.get(SAMPLES[name].name, set()) for name in named))
    used = {label for labels in re.findall(r"by \(([\w, ]+)\)", query) for label in labels.split(", ")}
    used |= set(re.findall(r'[{,](\w+)(?:=~|!=|=)"', query))
    assert used <= known
    for opening, closing in ("()", "{}", "[]"):
        assert query.count(opening) == query.count(closing)


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(metrics_in(query) for query in queries()))
    assert {SAMPLES[name].name for name in shown} == {family.name for family in FAMILIES}


def test_the_dashboard_brings_no_data_source_of_its_own() -> None:
    for panel in DASHBOARD["panels"]:
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_alarm_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    names = [rule["alert"] for rule in RULES["rules"]]
    assert names
    assert len(names) == len(set(names))
    for rule in RULES["rules"]:
        assert f"| `{rule['alert']}` |" in page
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
    assert set(re.findall(r"`(SunshineKeys\w+)`", page)) == set(names)
