"""Whether there are to be traces: OpenTelemetry is imported only where its variables ask for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunshine_keys.observing.traces import Traces

_ASKING = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

logger = logging.getLogger("sunshine_keys.traces")


def asked_for(variables: Mapping[str, str]) -> bool:
    """Whether the standard variables name where traces are to go."""
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return any(variables.get(name) for name in _ASKING) and variables.get("OTEL_TRACES_EXPORTER") != "none"


def opened(variables: Mapping[str, str]) -> Traces | None:
    """None where nobody asked, and, with a warning, where what was asked for cannot be had."""
    if not asked_for(variables):
        return None
    exporter = variables.get("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter != "otlp":
        logger.warning("no traces: OTEL_TRACES_EXPORTER is %s, and only otlp and none are known", exporter)
        return None
    try:
        from sunshine_keys.observing import traces
    except ModuleNotFoundError as error:
        logger.warning("no traces: %s is missing; install this package with its extra `otel`", error.name)
        return None
    return traces.exported(variables)
