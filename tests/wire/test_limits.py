"""Rate limits, as pure code and over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.wire import Key, Tenant, Wire, first_run, make_tenant

from sunshine_keys import server
from sunshine_keys.errors import TooManyRequests
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import Buckets, Limiter, Rate, RateLimits, network

KEY, OTHER = (f"int_{digit * 24}" for digit in "ab")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refused(limiter: Limiter, method: str, *arguments: str) -> bool:
    try:
        getattr(limiter, method)(*arguments)
    except TooManyRequests as error:
        return error.wait > 0
    return False


class TestRate:
    def test_valid_rates_are_parsed(self) -> None:
        assert Rate.parse("100/second") == Rate(100, "second", 100)
        assert Rate.parse(" 6000/minute,burst=200 ") == Rate(6000, "minute", 200)
        assert Rate.parse(str(Rate(7, "hour", 3))) == Rate(7, "hour", 3)

    @pytest.mark.parametrize(
        "text", ["", "0/second", "-1/second", "1", "1/day", "1.5/second", "1/second,burst=0", "1/second;burst=2", "x",
                 "1/second,burst=", "9999999999/second", "\u0661/second"],
    )  # fmt: skip
    def test_invalid_rates_are_rejected(self, text: str) -> None:
        with pytest.raises(ValueError, match="a rate should be like"):
            Rate.parse(text)

    def test_limits_go_to_the_environment_and_back(self) -> None:
        for rate_limits in (RateLimits(), RateLimits(Rate(1, "second", 2), Rate(3, "hour", 4), None)):
            assert RateLimits.from_environment(rate_limits.environment()) == rate_limits


class TestBuckets:
    def test_a_burst_passes_and_then_one_at_a_time(self, clock: Clock) -> None:
        buckets = Buckets(Rate(2, "second", 3), clock)
        assert [buckets.take("a") for _ in range(3)] == [0.0] * 3
        assert buckets.take("a") == pytest.approx(0.5)
        assert buckets.wait("a") == pytest.approx(0.5)
        assert buckets.take("b") == 0.0
        clock.now += 0.5
        assert buckets.wait("a") == 0.0
        assert buckets.take("a") == 0.0
        assert buckets.take("a") > 0.0

    @given(st.integers(1, 50), st.integers(1, 20), st.lists(st.floats(0, 3), max_size=60))
    def test_no_more_than_the_rate_and_the_burst_pass(self, count: int, burst: int, gaps: list[float]) -> None:
        clock = Clock()
        buckets = Buckets(Rate(count, "second", burst), clock)
        for passed, gap in enumerate(gaps, 1):
            clock.now += gap
            if wait := buckets.take("a"):
                clock.now += wait + 1e-6
                assert buckets.take("a") == 0.0
            assert passed <= (clock.now - 1000.0) * count + burst + 0.01

    @given(
        st.integers(1, 4), st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 0, 0.5, 1, 9])), max_size=60)
    )
    def test_has_empty_is_true_as_long_as_a_name_has_to_wait(self, burst: int, uses: list[tuple[str, float]]) -> None:
        clock = Clock()
        buckets = Buckets(Rate(2, "second", burst), clock)
        for name, gap in uses:
            buckets.take(name)
            clock.now += gap
            waits = [buckets.wait(other) > 0 for other in "abc"]
            assert buckets.has_empty or not any(waits)
        clock.now += burst
        assert buckets.wait("a") == 0.0
        assert not buckets.has_empty

    def test_the_number_of_buckets_is_bounded_and_busy_ones_stay(self, clock: Clock) -> None:
        buckets = Buckets(Rate(1, "hour", 1), clock, size=1000)
        buckets.take("busy")
        for number in range(10_000):
            buckets.take(str(number))
            assert len(buckets._new) + len(buckets._old) <= 1000
            assert number % 100 or buckets.take("busy") > 0.0


class TestNetwork:
    @pytest.mark.parametrize(
        ("source", "counted"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("unknown", "unknown"),
            ("a:b", "a:b"),
            (":" * 1000, ":" * 64),
        ],
    )
    def test_an_address_is_counted_by_its_network(self, source: str, counted: str) -> None:
        assert network(source) == counted


class TestFailures:
    """The limit is 3 an hour, and that of an address 30."""

    @pytest.fixture
    def limiter(self, clock: Clock) -> Limiter:
        return Limiter(RateLimits(failures=Rate(3, "hour", 3)), clock)

    def fail(self, limiter: Limiter, source: str, key_id: str, times: int = 1) -> list[bool]:
        return [refused(limiter, "count_failure", source, key_id) for _ in range(times)]

    def test_the_fourth_failure_is_refused(self, limiter: Limiter, clock: Clock) -> None:
        assert self.fail(limiter, "192.0.2.1", KEY, 4) == [False, False, False, True]
        clock.now += 1200
        assert self.fail(limiter, "192.0.2.1", KEY, 2) == [False, True]

    def test_failures_of_another_address_or_key_lock_nobody_out(self, limiter: Limiter) -> None:
        self.fail(limiter, "192.0.2.1", KEY, 100)
        assert self.fail(limiter, "192.0.2.2", KEY) == [False]
        assert self.fail(limiter, "192.0.2.1", OTHER) == [False]

    def test_many_key_ids_close_an_address_and_a_single_key_id_never_does(self, limiter: Limiter) -> None:
        self.fail(limiter, "192.0.2.1", KEY, 1000)
        assert not refused(limiter, "admit_credentials", "192.0.2.1")
        for number in range(10):
            self.fail(limiter, "192.0.2.1", f"int_{number:024x}", 3)
        assert refused(limiter, "admit_credentials", "192.0.2.1")
        assert not refused(limiter, "admit_credentials", "192.0.2.2")

    def test_an_ipv6_network_counts_as_a_single_address(self, limiter: Limiter) -> None:
        assert self.fail(limiter, "2001:db8::1", KEY, 3) == [False] * 3
        assert self.fail(limiter, "2001:db8::2", KEY) == [True]

    def test_invalid_ids_are_counted_together(self, limiter: Limiter) -> None:
        assert [self.fail(limiter, "192.0.2.1", name) for name in ("x", "int_", KEY + "0", "y" * 9000)] == [
            [False], [False], [False], [True],
        ]  # fmt: skip

    def test_an_unknown_address_has_no_limit(self, limiter: Limiter) -> None:
        assert self.fail(limiter, "", KEY, 10) == [False] * 10


class TestOverASocket:
    @pytest.fixture
    def serving(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Wire, Tenant]]:
        account = Key.of(first_run(tmp_path)["account_key"])
        with server.running(Settings(tmp_path, rate_limits=request.param)) as url:
            wire = Wire(url)
            yield wire, make_tenant(wire, account)

    @pytest.mark.parametrize("serving", [RateLimits(key=Rate(1, "hour", 5))], indirect=True)
    def test_the_limit_of_a_key_applies_to_that_key_only(self, serving: tuple[Wire, Tenant]) -> None:
        wire, tenant = serving
        answers = [wire.get(tenant.webhooks, tenant.key) for _ in range(6)]
        assert [answer.status for answer in answers] == [200] * 5 + [429]
        assert answers[-1].errors == [("too_many_requests", "Too many requests with this key")]
        assert 3000 <= int(answers[-1].headers["retry-after"]) <= 3600
        assert wire.get(tenant.webhooks, tenant.key.bearer()).status == 429
        assert wire.get(tenant.webhooks, Key(tenant.key.id, "wrong")).status == 401
        assert wire.get(tenant.webhooks, tenant.app_key).status == 200

    @pytest.mark.parametrize("serving", [RateLimits(source=Rate(1, "hour", 20))], indirect=True)
    def test_the_limit_of_an_address_applies_to_everything_but_health(self, serving: tuple[Wire, Tenant]) -> None:
        wire, tenant = serving
        statuses = [wire.get("/nowhere").status for _ in range(30)]
        assert statuses.index(429) < 20
        refusal = wire.get(tenant.webhooks, tenant.key)
        assert refusal.errors == [("too_many_requests", "Too many requests from this address")]
        assert wire.get("/healthz").status == 200

    @pytest.mark.parametrize("serving", [RateLimits(failures=Rate(1, "hour", 3))], indirect=True)
    def test_failures_are_refused_and_the_right_secret_still_works(self, serving: tuple[Wire, Tenant]) -> None:
        wire, tenant = serving
        wrong = Key(tenant.key.id, "wrong")
        assert [wire.get(tenant.webhooks, wrong).status for _ in range(4)] == [401] * 3 + [429]
        refusal = wire.get(tenant.webhooks, Key(tenant.key.id, tenant.app_key.secret).bearer())
        assert refusal.errors == [("too_many_requests", "Too many failed authentications")]
        assert int(refusal.headers["retry-after"]) > 0
        assert wire.get(tenant.webhooks, tenant.key).status == 200
        assert wire.get(tenant.webhooks, tenant.key.bearer()).status == 200
        for digit in "012345678":  # 27 failures, with the three before them 30
            assert [wire.get(tenant.webhooks, Key(f"int_{digit * 24}", "x")).status for _ in range(3)] == [401] * 3
        closed = wire.get(tenant.webhooks, tenant.key)
        assert closed.errors == [("too_many_requests", "Too many failed authentications from this address")]

    @pytest.mark.parametrize("serving", [RateLimits(failures=Rate(1, "hour", 1))], indirect=True)
    def test_credentials_that_name_no_key_are_not_counted(self, serving: tuple[Wire, Tenant]) -> None:
        wire, tenant = serving
        for credentials in (None, "Basic Og==", "Basic !", "Bearer x", "Digest x", ""):
            assert [wire.get(tenant.webhooks, credentials).status for _ in range(3)] == [401] * 3
