"""Metrics for Prometheus: the families, their samples, sums over processes, and the text format.

This replaces prometheus-client: counting costs a request 1 µs here and 5 µs there with several processes, and the page is
100 lines of text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from sunshine_keys.store.statistics import Histogram

Samples: TypeAlias = dict[str, dict[str, float]]
"""Values by a sample's name (that of its family, with a suffix for histograms) and its labels as text."""


class Family(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str

    @property
    def samples(self) -> list[str]:
        """The names of the family's samples."""
        if self.kind == "histogram":
            return [f"{self.name}_{suffix}" for suffix in ("bucket", "sum", "count")]
        return [self.name]


FAMILIES = (
    Family("sunshine_keys_requests_total", "counter", "Requests by route, method, status and scope of their key."),
    Family("sunshine_keys_request_duration_seconds", "histogram", "From a request's head to its answer."),
    Family("sunshine_keys_errors_total", "counter", "Errors by code: `unauthorized` are refused credentials."),
    Family(
        "sunshine_keys_rejections_total",
        "counter",
        "Requests and connections that were refused before they were requests, by cause.",
    ),
    Family("sunshine_keys_idempotent_replays_total", "counter", "Creates answered with the stored answer."),
    Family("sunshine_keys_commit_changes", "histogram", "Changes in a commit."),
    Family("sunshine_keys_commit_duration_seconds", "histogram", "From a transaction's begin until it is on disk."),
    Family(
        "sunshine_keys_commit_failures_total",
        "counter",
        "Attempts to commit a group that failed, or whose outcome is unknown.",
    ),
    Family("sunshine_keys_revocation_wait_seconds", "histogram", "Wait of a DELETE for all nodes, after its commit."),
    Family("sunshine_keys_log_lines_dropped_total", "counter", "Log lines that nobody read in time."),
    Family(
        "sunshine_keys_webhook_attempts_total",
        "counter",
        "Calls of webhooks by outcome: delivered, refused, failed, no_answer.",
    ),
    Family("sunshine_keys_webhook_pending", "gauge", "Events that webhooks have not accepted yet."),
    Family("sunshine_keys_webhook_oldest_seconds", "gauge", "The age of the oldest of these events."),
    Family("sunshine_keys_key_events_total", "counter", "Lifecycle events of keys by type, where they were committed."),
    Family(
        "sunshine_keys_notification_attempts_total",
        "counter",
        "Attempts to notify the operator by outcome: sent, refused, unreachable, skipped.",
    ),
    Family(
        "sunshine_keys_notification_unsent",
        "gauge",
        "Lifecycle events that the operator's target has not accepted yet.",
    ),
    Family("sunshine_keys_notification_oldest_seconds", "gauge", "The age of the oldest of these events."),
    Family("sunshine_keys_workers_replaced_total", "counter", "Workers that were replaced, by cause: ended, hung."),
    Family("sunshine_keys_processes", "gauge", "Processes that serve on this node."),
    Family("sunshine_keys_leases", "gauge", "Processes of this node that hold a lease."),
    Family("sunshine_keys_remembered_keys", "gauge", "Keys that these processes remember."),
    Family("sunshine_keys_keys", "gauge", "Keys in the store by scope, counted at most every ten minutes."),
)
_KIND_OF = {name: family.kind for family in FAMILIES for name in family.samples}


def labels(**named: str) -> str:
    """Return labels as text, in braces. Values need no quoting, because none comes from a request."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in named.items()) + "}"


def histogram(into: Samples, name: str, measured: Histogram, **named: str) -> None:
    """Add the samples of a histogram to `into`."""
    buckets = into.setdefault(f"{name}_bucket", {})
    below = 0
    for bound, count in zip([*measured.bounds, None], measured.counts, strict=True):
        below += count
        buckets[labels(**named, le="+Inf" if bound is None else f"{bound:g}")] = below
    key = labels(**named) if named else ""
    into.setdefault(f"{name}_sum", {})[key] = measured.total
    into.setdefault(f"{name}_count", {})[key] = below


def without_gauges(samples: Samples) -> Samples:
    """Return the samples of a process that has ended."""
    return {name: values for name, values in samples.items() if _KIND_OF[name] != "gauge"}


def total(several: Iterable[Samples]) -> Samples:
    """Return the sums of samples with the same name and labels."""
    sums: Samples = {}
    for samples in several:
        for name, values in samples.items():
            sum_by_labels = sums.setdefault(name, {})
            for key, value in values.items():
                sum_by_labels[key] = sum_by_labels.get(key, 0.0) + value
    return sums


def text(samples: Samples) -> bytes:
    """Return samples in Prometheus's text format, version 0.0.4."""
    lines: list[str] = []
    for family in FAMILIES:
        present = [name for name in family.samples if samples.get(name)]
        if present:
            lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
            lines += [f"{name}{key} {value:.17g}" for name in present for key, value in samples[name].items()]
    return "".join(f"{line}\n" for line in lines).encode()
