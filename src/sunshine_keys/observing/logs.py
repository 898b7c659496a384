"""The log on standard error: one line per entry, as text for people or as JSON for programs."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from sunshine_keys.observing.log_writer import standard_error
from sunshine_keys.observing.repetition import Repetitions


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The level's number in the logging module."""
        return logging.getLevelNamesMapping()[self.name]


_FORMAT = "SUNSHINE_KEYS_LOG_FORMAT"
_LEVEL = "SUNSHINE_KEYS_LOG_LEVEL"


class Log(msgspec.Struct, frozen=True):
    format: LogFormat = LogFormat.TEXT
    level: LogLevel = LogLevel.INFO

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Log | None:
        """Return None if the variables are unset. Raises ValueError."""
        if _FORMAT not in variables:
            return None
        return cls(LogFormat(variables[_FORMAT]), LogLevel(variables.get(_LEVEL, LogLevel.INFO)))

    def environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` makes this."""
        return {_FORMAT: self.format, _LEVEL: self.level}

    def configure(self) -> None:
        """Configure the logging of this process."""
        handler = _Handler()
        handler.setFormatter(JsonFormatter() if self.format is LogFormat.JSON else TextFormatter())
        logging.basicConfig(level=self.level.number, handlers=[handler])
        for noisy in ("uvicorn", "asyncio"):
            logging.getLogger(noisy).setLevel(max(logging.WARNING, self.level.number))


class _Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._repetitions = Repetitions()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.levelno >= logging.WARNING:
                message = self._repetitions.admit(record.name, record.getMessage())
                if message is None:
                    return
                record = copy.copy(record)
                record.msg, record.args = message, ()
            line = self.format(record)
        except Exception:  # a wrong format, or an argument whose str() fails
            self.handleError(record)
        else:
            standard_error().write(line.encode(errors="backslashreplace") + b"\n")

    def flush(self) -> None:
        standard_error().flush()


def timestamp(seconds: float) -> str:
    """Return a time such as 2026-01-31T12:00:00.000Z."""
    whole, thousandths = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}.{thousandths:03}Z"


@functools.lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the base's name
        return timestamp(record.created)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()
