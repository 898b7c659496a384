"""Figures as Prometheus reads them: the families there are, samples of them, their sum over processes, their text.

Written here rather than by prometheus-client: counting costs a request 1 µs where that takes 5 with several processes,
and what is read is 100 lines of text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from sunshine_keys.measures import Histogram

Samples: TypeAlias = dict[str, dict[str, float]]
"""By a sample's name (a family's, or a histogram's with its suffix) and its labels as text."""


class Family(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str

    @property
    def samples(self) -> list[str]:
        """The names of its samples."""
        if self.kind == "histogram":
            return [f"{self.name}_{suffix}" for suffix in ("bucket", "sum", "count")]
        return [self.name]


FAMILIES = (
    Family("sunshine_keys_requests_total", "counter", "Requests by route, method, status and scope of their key."),
    Family("sunshine_keys_request_duration_seconds", "histogram", "From a request's head to its answer."),
    Family("sunshine_keys_errors_total", "counter", "Errors by code: `unauthorized` are refused credentials."),
    Family("sunshine_keys_idempotent_replays_total", "counter", "Creates answered as the first time."),
    Family("sunshine_keys_commit_changes", "histogram", "Changes in a commit."),
    Family("sunshine_keys_commit_duration_seconds", "histogram", "From a transaction's begin until it is on disk."),
    Family("sunshine_keys_commit_failures_total", "counter", "Groups not committed, or not known to be, by attempts."),
    Family("sunshine_keys_revocation_wait_seconds", "histogram", "Of a DELETE, after its commit, for all nodes."),
    Family("sunshine_keys_processes", "gauge", "Processes that serve on this node."),
    Family("sunshine_keys_leases", "gauge", "Those of them that hold a lease."),
    Family("sunshine_keys_remembered_keys", "gauge", "Keys that they remember, under it."),
    Family("sunshine_keys_keys", "gauge", "Keys in the store by scope, counted every ten minutes at most."),
)
_KIND_OF = {name: family.kind for family in FAMILIES for name in family.samples}


def labels(**named: str) -> str:
    """As text, in braces. Values are ours, and need no quoting."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in named.items()) + "}"


def histogram(into: Samples, name: str, measured: Histogram, **named: str) -> None:
    """Add the samples of a histogram."""
    buckets = into.setdefault(f"{name}_bucket", {})
    below = 0
    for bound, count in zip([*measured.bounds, None], measured.counts, strict=True):
        below += count
        buckets[labels(**named, le="+Inf" if bound is None else f"{bound:g}")] = below
    key = labels(**named) if named else ""
    into.setdefault(f"{name}_sum", {})[key] = measured.total
    into.setdefault(f"{name}_count", {})[key] = below


def without_gauges(samples: Samples) -> Samples:
    """What is left of a process that has ended."""
    return {name: each for name, each in samples.items() if _KIND_OF[name] != "gauge"}


def total(several: Iterable[Samples]) -> Samples:
    sums: Samples = {}
    for samples in several:
        for name, values in samples.items():
            kept = sums.setdefault(name, {})
            for key, value in values.items():
                kept[key] = kept.get(key, 0.0) + value
    return sums


def text(samples: Samples) -> bytes:
    """Prometheus's text format, version 0.0.4."""
    lines: list[str] = []
    for family in FAMILIES:
        present = [name for name in family.samples if samples.get(name)]
        if present:
            lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
            lines += [f"{name}{key} {value:.17g}" for name in present for key, value in samples[name].items()]
    return "".join(f"{line}\n" for line in lines).encode()
