"""The outcome of a request, for its observers: the log, the metrics, the usage counts and the traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from sunshine_keys.wire.request import Request

CLIENT_GONE = 499
"""The status of a request whose client closed the connection before all of it arrived."""


class Outcome(msgspec.Struct, frozen=True):
    """An outcome. `code` is the code of the error, or "". `began` is the start in seconds since 1970."""

    request: Request
    status: int
    code: str
    is_replay: bool
    began: float
    seconds: float


Observer: TypeAlias = Callable[[Outcome], None]
"""Called once for each request, after its answer. It runs on the event loop, so it must be fast, and must not raise."""
