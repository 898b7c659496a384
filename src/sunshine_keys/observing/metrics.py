"""Count the requests of a process, and collect its figures together with those of its store.

No label holds a part of a request: the path is a template, the method one of a fixed list, the scope that of the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sunshine_keys.notifying.events import REFUSED, TYPES
from sunshine_keys.observing.log_writer import standard_error
from sunshine_keys.observing.prometheus import Samples, histogram, labels
from sunshine_keys.store import Store
from sunshine_keys.store.statistics import SECONDS, Histogram
from sunshine_keys.wire.outcome import Outcome
from sunshine_keys.wire.rejections import Rejected

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


class NotifierCounts(Protocol):
    """What the notifier of this process has counted: its attempts by outcome, and the events that it has sent by type."""

    attempts: dict[str, int]
    sent: dict[str, int]


class Metrics:
    """An observer of requests."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int, str], int] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._errors: dict[str, int] = {}
        self._replays = 0
        self._rejections: dict[str, int] = {}

    def __call__(self, outcome: Outcome) -> None:
        request = outcome.request
        route = request.route or "none"
        method = request.method if request.method in _METHODS else "other"
        counted = (route, method, outcome.status, "none" if request.actor is None else request.actor.scope.value)
        self._requests[counted] = self._requests.get(counted, 0) + 1
        seconds = self._seconds.get((route, method))
        if seconds is None:
            seconds = self._seconds[route, method] = Histogram(SECONDS)
        seconds.observe(outcome.seconds)
        if outcome.code:
            self._errors[outcome.code] = self._errors.get(outcome.code, 0) + 1
        self._replays += outcome.is_replay

    def reject(self, rejected: Rejected) -> None:
        """Count a request or a connection that the protocol refused."""
        cause = rejected.rejection.cause
        self._rejections[cause] = self._rejections.get(cause, 0) + 1

    def samples(self, store: Store, attempts: Mapping[str, int], notifier: NotifierCounts | None = None) -> Samples:
        """Return all samples of this process except the number of keys. `attempts` are those to deliver, by outcome."""
        events = {TYPES[action]: count for action, count in store.commits.actions.items() if action in TYPES}
        if notifier is not None and REFUSED in notifier.sent:
            events[REFUSED] = notifier.sent[REFUSED]
        samples: Samples = {
            "sunshine_keys_requests_total": {
                labels(route=route, method=method, status=str(status), scope=scope): count
                for (route, method, status, scope), count in self._requests.items()
            },
            "sunshine_keys_errors_total": {labels(code=code): count for code, count in self._errors.items()},
            "sunshine_keys_rejections_total": {labels(cause=cause): n for cause, n in self._rejections.items()},
            "sunshine_keys_idempotent_replays_total": {"": self._replays},
            "sunshine_keys_commit_failures_total": {"": store.commits.failures},
            "sunshine_keys_log_lines_dropped_total": {"": standard_error().dropped},
            "sunshine_keys_webhook_attempts_total": {labels(outcome=outcome): n for outcome, n in attempts.items()},
            "sunshine_keys_key_events_total": {labels(type=type): count for type, count in events.items()},
            "sunshine_keys_processes": {"": 1},
        }
        if notifier is not None:
            samples["sunshine_keys_notification_attempts_total"] = {
                labels(outcome=outcome): count for outcome, count in notifier.attempts.items()
            }
        for (route, method), seconds in self._seconds.items():
            histogram(samples, "sunshine_keys_request_duration_seconds", seconds, route=route, method=method)
        histogram(samples, "sunshine_keys_commit_changes", store.commits.sizes)
        histogram(samples, "sunshine_keys_commit_duration_seconds", store.commits.seconds)
        if (lease := store.lease) is not None:
            samples["sunshine_keys_leases"] = {"": int(lease.is_held)}
            samples["sunshine_keys_remembered_keys"] = {"": lease.remembered}
            histogram(samples, "sunshine_keys_revocation_wait_seconds", lease.waits)
        return samples
