"""Rate limits: how many requests a key and an address may make, and how many failed authentications.

All limits are token buckets in the memory of one process. A bucket that is lost counts as full, which harms nobody.

Requests with a key are counted after the key has authenticated, so that nobody can use up the allowance of another key.
Requests from an address are counted before any other work is done for them. Both limits are off until the operator sets them.

Failed authentications are limited by default. A secret has 480 random bits, so no rate of guessing finds one. The limit
saves work and entries in the audit trail, and it makes a client with a deleted key stop. It must therefore accept the
right secret whenever that is possible:

- Failures are counted by address and key id together. If they were counted by key id alone, anyone could lock a customer
  out from anywhere, by failing in the name of the customer's key.
- Over that limit credentials are still verified. The right ones work, since a customer may share an address with the
  attacker (NAT). Wrong ones are answered 429 instead of 401.
- An address has a limit of its own, ten times as high, against a client that tries many key ids. Over this limit, no
  credentials from the address are verified, which also locks out other customers at that address. A failure over the
  first limit is therefore not counted here: one broken client that retries for ever never blocks its address, but ten key
  ids at once do.
- All ids that no key can have are counted as one id. Missing or unreadable credentials are not counted: they are answered
  without work, and can be limited by address.

An IPv6 address is counted by its /64, which is what one customer usually gets.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from sunshine_keys.errors import TooManyRequests
from sunshine_keys.keys.model import CREDENTIAL_ID

BUCKETS = 100_000
"""The most buckets of each limit. When there are more, the least recently used half is dropped."""

_ROUNDING = 1e-6
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour)(?:,burst=([1-9][0-9]{0,8}))?", re.ASCII)
_VARIABLE = "SUNSHINE_KEYS_RATE_LIMIT_"
_MAPPED_IPV4 = bytes(10) + b"\xff\xff"


class Rate(msgspec.Struct, frozen=True):
    """A rate: `count` in each `period` on average, and at most `burst` at once."""

    count: int
    period: str
    burst: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `100/second`, `6000/minute` or `6000/minute,burst=200`. Without `burst`, the burst is the count.

        Raises ValueError.
        """
        match = _RATE.fullmatch(text.strip())
        if match is None:
            raise ValueError("a rate should be like 100/second, 6000/minute or 6000/minute,burst=200, or off")
        return cls(int(match[1]), match[2], int(match[3] or match[1]))

    def __str__(self) -> str:
        return f"{self.count}/{self.period},burst={self.burst}"

    def times(self, factor: int) -> Rate:
        """Return a rate whose count and burst are `factor` times as high."""
        return Rate(self.count * factor, self.period, self.burst * factor)

    @property
    def interval(self) -> float:
        """The seconds until one more is allowed."""
        return _SECONDS[self.period] / self.count


FAILURES = Rate(100, "minute", 100)
_FAILURES_OF_SOURCE = 10
"""The limit of an address, as a multiple of the limit of an address with one key id."""


class RateLimits(msgspec.Struct, frozen=True):
    """The limits that the owner sets; None means no limit. `failures` counts by address and key id."""

    key: Rate | None = None
    source: Rate | None = None
    failures: Rate | None = FAILURES

    @classmethod
    def of(cls, key: str | None, source: str | None, failures: str | None) -> RateLimits:
        """Read a rate or `off` for each limit; None means the default. Raises ValueError."""
        return cls(_limit(key), _limit(source), FAILURES if failures is None else _limit(failures))

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> RateLimits:
        """Read SUNSHINE_KEYS_RATE_LIMIT_KEY, …_SOURCE and …_FAILURES. Raises ValueError."""
        return cls.of(*(variables.get(f"{_VARIABLE}{name}") for name in ("KEY", "SOURCE", "FAILURES")))

    def environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` reads these limits."""
        limits = {"KEY": self.key, "SOURCE": self.source, "FAILURES": self.failures}
        return {f"{_VARIABLE}{name}": str(limit or "off") for name, limit in limits.items()}


DEFAULT_LIMITS = RateLimits()
NO_LIMITS = RateLimits(failures=None)


def _limit(text: str | None) -> Rate | None:
    return None if text is None or text == "off" else Rate.parse(text)


class Buckets:
    """One bucket for each name. A full bucket takes no memory, and at most `size` are stored.

    The stored value is the time at which the bucket will be full. A name moves from the old generation to the new one
    when it is used, and the old generation is dropped when the new one is full: no sweep ever delays a request.

    As long as `has_empty` is False, no bucket is empty, and `wait` returns 0.0 for every name.
    """

    __slots__ = ("_clock", "_empty_until", "_interval", "_new", "_old", "_size", "_span", "has_empty")

    def __init__(self, rate: Rate, clock: Callable[[], float], size: int = BUCKETS) -> None:
        self._clock = clock
        self._size = size
        self._interval = rate.interval
        self._span = rate.burst * rate.interval
        self._new: dict[str, float] = {}
        self._old: dict[str, float] = {}
        self._empty_until = 0.0
        self.has_empty = False

    def take(self, name: str) -> float:
        """Take one from a bucket. Return 0.0, or the seconds to wait if the bucket is empty."""
        now = self._clock()
        before = self._new.get(name)
        if before is None:
            before = self._old.get(name, 0.0)
            if len(self._new) >= self._size // 2:
                self._old, self._new = self._new, {}
        if before < now:
            before = now
        wait = before + self._interval - now - self._span
        if wait > _ROUNDING:
            self._new[name] = before
            return wait
        self._new[name] = before + self._interval
        if wait + self._interval > 0.0:
            self.has_empty = True
            self._empty_until = max(self._empty_until, now + wait + self._interval)
        return 0.0

    def wait(self, name: str) -> float:
        """Return what `take` would return, without taking anything."""
        now = self._clock()
        self.has_empty = now < self._empty_until
        full_at = self._new.get(name) or self._old.get(name, 0.0)
        wait = max(full_at, now) + self._interval - now - self._span
        return wait if wait > _ROUNDING else 0.0


class Limiter:
    """The limits of one process. Its methods raise TooManyRequests. An empty address has no limits.

    The buckets of a limit that is off are None, but for `failing_sources`, in which nothing is counted then.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.keys = Buckets(limits.key, clock) if limits.key else None
        self.sources = Buckets(limits.source, clock) if limits.source else None
        self.failures = Buckets(limits.failures, clock) if limits.failures else None
        self.failing_sources = Buckets((limits.failures or FAILURES).times(_FAILURES_OF_SOURCE), clock)

    def admit_request(self, source: str) -> None:
        """Count a request from an address."""
        if self.sources is not None and source:
            _require(self.sources.take(network(source)), "Too many requests from this address")

    def admit_credentials(self, source: str) -> None:
        """Check that credentials from an address may be verified. Count nothing."""
        if source:
            wait = self.failing_sources.wait(network(source))
            _require(wait, "Too many failed authentications from this address")

    def admit_key(self, key_id: str) -> None:
        """Count a request with a key that has authenticated."""
        if self.keys is not None:
            _require(self.keys.take(key_id), "Too many requests with this key")

    def count_failure(self, source: str, key_id: str) -> None:
        """Count wrong credentials that named `key_id`. Raises TooManyRequests if there have been too many."""
        if self.failures is None or not source:
            return
        origin, pair = _names_of_failure(source[:64], key_id[:64])  # longer text is neither
        if wait := self.failures.take(pair) or self.failing_sources.take(origin):
            raise TooManyRequests(wait, "Too many failed authentications")


@lru_cache(1000)  # a client that fails repeats itself
def _names_of_failure(source: str, key_id: str) -> tuple[str, str]:
    """Return the names under which a failure is counted: the address, and the address with the key id."""
    origin = network(source)
    return origin, f"{origin} {key_id if CREDENTIAL_ID.fullmatch(key_id) else ''}"


def network(source: str) -> str:
    """Return the name under which an address is counted: an IPv4 address itself, an IPv6 address its /64."""
    if ":" not in source:
        return source[:64]  # A proxy may pass on text that is not an address.
    try:
        packed = socket.inet_pton(socket.AF_INET6, source.partition("%")[0])
    except (OSError, ValueError):
        return source[:64]
    if packed.startswith(_MAPPED_IPV4):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"


def _require(wait: float, title: str) -> None:
    if wait > 0.0:
        raise TooManyRequests(wait, title)
