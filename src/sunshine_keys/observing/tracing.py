"""Start traces if OpenTelemetry's variables ask for them. Only then is OpenTelemetry imported."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunshine_keys.observing.spans import Traces

_VARIABLES = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

logger = logging.getLogger("sunshine_keys.traces")


def is_enabled(variables: Mapping[str, str]) -> bool:
    """Return True if the standard variables name a destination for traces."""
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return any(variables.get(name) for name in _VARIABLES) and variables.get("OTEL_TRACES_EXPORTER") != "none"


def opened(variables: Mapping[str, str]) -> Traces | None:
    """Return None if tracing is off, or (after logging a warning) if the exporter is unavailable."""
    if not is_enabled(variables):
        return None
    exporter = variables.get("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter != "otlp":
        logger.warning("no traces: OTEL_TRACES_EXPORTER is %s, and only otlp and none are known", exporter)
        return None
    try:
        from sunshine_keys.observing import spans
    except ModuleNotFoundError as error:
        logger.warning("no traces: %s is missing; install this package with its extra `otel`", error.name)
        return None
    return spans.exported(variables)
