"""The flow of a call as pure code, with a fake clock, a fixed jitter and scripted answers."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any, ClassVar

import pytest

from sunshine_conversations_client._flow import Policy, Send, Sleep, Trace, exchange
from sunshine_conversations_client._messages import Headers, Request, Response, Timeout
from sunshine_conversations_client._repetition import is_done_once, is_vendors
from sunshine_conversations_client.configuration import Configuration
from sunshine_conversations_client.exceptions import ApiConnectionError, ApiTimeoutError

Outcome = Response | ApiConnectionError


class Run:
    """Drives a flow through outcomes, and records what it sent and how long it slept."""

    def __init__(
        self,
        *outcomes: Outcome,
        method: str = "GET",
        url: str = "https://api.example/v2/apps",
        retries: int = 3,
        total: float | None = 90.0,
        takes: float = 0.0,
        jitter: float = 1.0,
        headers: dict[str, str] | None = None,
        done_once: bool = False,
        body: bytes | None = b"body",
    ) -> None:
        self.now = 1000.0
        self.sent: list[Send] = []
        self.slept: list[float] = []
        request = Request(
            method,
            url,
            Headers((headers or {"Authorization": "Basic x", "X-Mine": "1"}).items()),
            body,
            done_once=done_once,
        )
        flow = exchange(request, Policy(retries, Timeout(5, 30, total)), clock=lambda: self.now, jitter=lambda: jitter)
        remaining = list(outcomes)
        self.result: Response | None = None
        self.error: ApiConnectionError | None = None
        try:
            command = next(flow)
            while True:
                if isinstance(command, Sleep):
                    self.slept.append(command.seconds)
                    self.now += command.seconds
                    command = flow.send(None)
                    continue
                self.sent.append(command)
                self.now += takes
                outcome = remaining.pop(0)
                command = flow.throw(outcome) if isinstance(outcome, ApiConnectionError) else flow.send(outcome)
        except StopIteration as done:
            self.result = done.value
        except ApiConnectionError as error:
            self.error = error


def response(status: int, **headers: str) -> Response:
    return Response(status, "x", Headers((name.replace("_", "-"), value) for name, value in headers.items()))


def refused() -> ApiConnectionError:
    return ApiConnectionError("refused", maybe_sent=False)


def lost() -> ApiConnectionError:
    return ApiConnectionError("lost")


OK = response(200)


@pytest.mark.parametrize("status", [200, 201, 204, 299, 304, 400, 401, 404, 409, 422, 500, 501, 505])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
def test_a_final_answer_is_returned_without_retry(status: int, method: str) -> None:
    run = Run(response(status), method=method)
    assert (run.result and run.result.status, len(run.sent), run.slept) == (status, 1, [])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("temporary", [response(429), response(502), response(503), response(504), refused(), lost()])
def test_a_temporary_failure_is_retried(method: str, temporary: Outcome) -> None:
    run = Run(temporary, temporary, temporary, OK, method=method)
    assert run.result is OK
    assert run.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("doubtful", [response(502), response(503), response(504), lost(), ApiTimeoutError("slow")])
def test_a_write_that_may_have_succeeded_is_not_repeated(method: str, doubtful: Outcome) -> None:
    run = Run(doubtful, OK, method=method)
    assert len(run.sent) == 1
    assert (run.result or run.error) is doubtful


@pytest.mark.parametrize("doubtful", [response(502), response(503), response(504), lost(), ApiTimeoutError("slow")])
class TestCreatesThatTheServiceDoesOnce:
    KEY: ClassVar = {"Idempotency-Key": "k"}

    def test_a_create_with_an_honoured_key_is_repeated(self, doubtful: Outcome) -> None:
        run = Run(doubtful, doubtful, OK, method="POST", headers=self.KEY, done_once=True)
        assert run.result is OK
        assert [send.request.headers["idempotency-key"] for send in run.sent] == ["k"] * 3

    def test_its_repetitions_are_limited_by_retries(self, doubtful: Outcome) -> None:
        run = Run(*[doubtful] * 9, method="POST", headers=self.KEY, done_once=True, retries=2)
        assert (len(run.sent), run.result or run.error) == (3, doubtful)

    def test_it_is_not_repeated_if_a_redirect_dropped_the_key(self, doubtful: Outcome) -> None:
        elsewhere = response(307, location="https://elsewhere.example/")
        run = Run(elsewhere, doubtful, OK, method="POST", headers=self.KEY, done_once=True, body=None)
        assert (len(run.sent), run.result or run.error) == (2, doubtful)


@pytest.mark.parametrize(
    "url",
    ["https://api.smooch.io", "https://API.EU-1.SMOOCH.IO/x", "https://smooch.io.:443", "https://me.zendesk.com/sc"],
)
def test_the_vendors_hosts_honour_only_a_key_of_the_caller(url: str) -> None:
    assert not is_done_once("POST", url, caller_set_key=False)
    assert is_done_once("POST", url, caller_set_key=True)
    assert not is_done_once("PATCH", url, caller_set_key=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://keys.example", "https://notsmooch.io", "https://smooch.io.example"])  # fmt: skip
def test_any_other_host_honours_the_key(url: str) -> None:
    assert is_done_once("POST", url, caller_set_key=False)


def test_every_published_host_belongs_to_the_vendor() -> None:
    hosts = [host["url"].replace("{subdomain}", "me") for host in Configuration("http://h").get_host_settings()]
    assert hosts
    assert all(is_vendors(host) for host in hosts)


@pytest.mark.parametrize("last", [refused(), lost()])
def test_an_error_is_in_doubt_if_any_attempt_was(last: ApiConnectionError) -> None:
    headers = {"Idempotency-Key": "k"}
    error = Run(lost(), last, method="POST", headers=headers, done_once=True, retries=1).error
    assert error is last
    assert error.maybe_sent
    assert "List the existing ones before you create it again" in str(error.reason)


def test_an_unsent_request_is_not_in_doubt() -> None:
    error = Run(refused(), method="POST", retries=0).error
    assert error
    assert (error.maybe_sent, error.reason) == (False, "refused")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("undone", [response(429), refused()])
def test_a_write_that_certainly_failed_is_retried(method: str, undone: Outcome) -> None:
    assert Run(undone, OK, method=method).result is OK


def test_the_last_outcome_is_the_result_after_all_retries() -> None:
    last = response(503)
    assert Run(response(502), lost(), refused(), last).result is last
    assert (error := Run(lost(), lost(), lost(), lost()).error) and error.reason == "lost"
    assert Run(response(503), OK, retries=0).result is not OK


def test_backoff_is_exponential_with_a_limit_and_full_jitter() -> None:
    down = [response(503)] * 9
    assert Run(*down, OK, retries=9).slept == [0.5, 1, 2, 4, 8, 8, 8, 8, 8]
    assert Run(*down, OK, retries=9, jitter=0).slept == [0] * 9


@pytest.mark.parametrize(
    ("value", "seconds"), [("0", 0), ("7", 7), (" 7 ", 7), ("junk", 0), ("-1", 0), ("9" * 12, 0), ("", 0)]
)
def test_retry_after_in_seconds_is_honoured(value: str, seconds: float) -> None:
    run = Run(response(429, retry_after=value), OK, jitter=0)
    assert run.slept == [seconds]


def test_retry_after_as_a_date_is_honoured() -> None:
    import time

    run = Run(response(503, retry_after=formatdate(time.time() + 20, usegmt=True)), OK, jitter=0)
    assert 18 < run.slept[0] <= 20
    assert Run(response(503, retry_after=formatdate(0)), OK, jitter=0).slept == [0]


def test_a_wait_beyond_the_deadline_is_not_started() -> None:
    run = Run(response(429, retry_after="60"), OK, total=30)
    assert (run.result and run.result.status, run.slept) == (429, [])
    assert Run(response(429, retry_after="60"), OK, total=None).result is OK


def test_an_attempt_gets_the_remaining_time() -> None:
    run = Run(lost(), lost(), OK, total=10, takes=4, jitter=0)
    assert [(send.timeout.connect, send.timeout.read, send.timeout.total) for send in run.sent] == [
        (5, 10, 10),
        (5, 6, 6),
        (2, 2, 2),
    ]


@pytest.mark.parametrize("value", ["99999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_retry_after_of_years_returns_the_answer(value: str) -> None:
    run = Run(response(429, retry_after=value), OK, total=None)
    assert (run.result and run.result.status, run.slept) == (429, [])


def test_no_attempt_starts_after_the_deadline() -> None:
    run = Run(lost(), OK, total=3, takes=4, jitter=0)
    assert run.error and run.error.reason == "lost"
    assert len(run.sent) == 1


def test_exchanges_with_the_same_trace_share_a_deadline() -> None:
    trace, times = Trace(), iter(range(0, 100, 2))
    request = Request("GET", "https://api.example/", Headers())
    for expected in (8, 6, 4, 2):
        flow = exchange(request, Policy(0, Timeout(5, 30, 10)), trace, clock=lambda: next(times))
        command = next(flow)
        assert isinstance(command, Send)
        assert command.timeout.total == expected
        with pytest.raises(StopIteration):
            flow.send(OK)
    with pytest.raises(ApiTimeoutError) as raised:
        next(exchange(request, Policy(0, Timeout(5, 30, 10)), trace, clock=lambda: next(times)))
    assert not raised.value.maybe_sent


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_a_redirect_keeps_method_and_body(self, status: int, method: str) -> None:
        run = Run(response(status, location="/other?x=1"), OK, method=method)
        assert run.result is OK
        request = run.sent[1].request
        assert (request.method, request.url, request.body) == (method, "https://api.example/other?x=1", b"body")
        assert request.headers["authorization"] == "Basic x"

    def test_only_a_get_follows_a_303(self) -> None:
        redirect = response(303, location="/other")
        assert Run(redirect, OK).result is OK
        for method in ("POST", "DELETE", "PATCH"):
            assert Run(redirect, OK, method=method).result is redirect

    @pytest.mark.parametrize(
        "target", ["https://elsewhere.example/", "https://api.example:444/", "//elsewhere.example/"]
    )
    def test_another_host_gets_no_credentials(self, target: str) -> None:
        run = Run(
            response(307, location=target),
            OK,
            headers={"authorization": "x", "COOKIE": "y", "X-Api-Key": "z", "accept": "1"},
            body=None,
        )
        assert dict(run.sent[1].request.headers) == {"accept": "1"}

    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
    def test_a_body_is_not_sent_to_another_origin(self, method: str) -> None:
        for target in ("https://elsewhere.example/", "https://api.example:444/"):
            redirect = response(307, location=target)
            run = Run(redirect, OK, method=method)
            assert (run.result, len(run.sent)) == (redirect, 1)
            assert Run(redirect, OK, method=method, body=None).result is OK

    @pytest.mark.parametrize(
        ("location", "url"),
        [
            ("/caf\u00e9?q=\u65e5", "/caf%C3%A9?q=%E6%97%A5"),  # as aiohttp decodes it
            ("/cafÃ©", "/caf%C3%A9"),  # the same bytes, as urllib3 decodes them
            ("/caf\udce9", "/caf%C3%A9"),  # Latin-1, as aiohttp decodes it
            ("/caf%C3%A9", "/caf%C3%A9"),
            ("/100%", "/100%25"),
            ("/a b?c=d e#part", "/a%20b?c=d%20e"),
            ("/a%2Fb?c=%26", "/a%2Fb?c=%26"),
            (" /x ", "/x"),
        ],
    )
    def test_a_location_is_encoded_once(self, location: str, url: str) -> None:
        run = Run(response(302, location=location), OK, body=None)
        assert run.sent[1].request.url == "https://api.example" + url

    def test_a_location_loses_its_user_and_its_host_becomes_ascii(self) -> None:
        run = Run(response(302, location="https://u:p@b\u00fccher.example:8443/x"), OK, body=None)
        assert run.sent[1].request.url == "https://xn--bcher-kva.example:8443/x"

    def test_two_locations_are_not_followed(self) -> None:
        redirect = Response(302, "x", Headers([("Location", "/a"), ("Location", "/b")]))
        assert Run(redirect, OK).result is redirect

    def test_the_default_port_is_the_same_host(self) -> None:
        run = Run(response(307, location="https://API.example:443/x"), OK, headers={"Authorization": "x"})
        assert dict(run.sent[1].request.headers) == {"Authorization": "x"}

    @pytest.mark.parametrize(
        "target",
        ["http://api.example/", "ftp://api.example/", "file:///etc/passwd", "", "http://[::1", "//[", "https://h:99999/",
         "https://h:abc/", "https://stra\u00dfe.example/", "/\ud800", "https://h:0/"],
    )  # fmt: skip
    def test_insecure_and_invalid_redirects_are_not_followed(self, target: str) -> None:
        redirect = response(307, location=target)
        assert Run(redirect, OK).result is redirect
        assert Run(response(307), OK).result is not OK

    def test_a_loop_of_redirects_ends(self) -> None:
        redirect = response(302, location="/loop")
        run = Run(*[redirect] * 9)
        assert (run.result, len(run.sent)) == (redirect, 4)


def test_a_redirect_does_not_change_the_original_request() -> None:
    headers: dict[str, Any] = {"Authorization": "x"}
    run = Run(response(307, location="https://elsewhere.example/"), OK, headers=headers, body=None)
    assert dict(run.sent[0].request.headers) == {"Authorization": "x"}
