"""What came of a request, for those who watch: the log, metrics and traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from sunshine_keys.wire.request import Request

CLIENT_GONE = 499
"""The status that stands for a client that closed its connection before its request had come whole."""


class Outcome(msgspec.Struct, frozen=True):
    """`code` is the error's, empty where there was none; `began` is by the clock since 1970, in seconds."""

    request: Request
    status: int
    code: str
    is_replay: bool
    began: float
    seconds: float


Observer: TypeAlias = Callable[[Outcome], None]
"""Called once a request, after its answer. It takes the loop's time, and must not raise."""
