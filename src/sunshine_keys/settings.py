"""The settings of an operator: the locations of the store and its sealing keys, limits, logs, metrics."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from sunshine_keys.notifying.options import Notifications
from sunshine_keys.observing.logs import Log
from sunshine_keys.observing.metrics_page import MetricsAccess
from sunshine_keys.sealing import sources
from sunshine_keys.store.errors import StoreError
from sunshine_keys.store.locations import Location, SqliteFile, location
from sunshine_keys.webhooks.targets import Targets
from sunshine_keys.wire.limits import DEFAULT_LIMITS, RateLimits

STORE_FILE = "sunshine-keys.sqlite3"
DEFAULT_FOLDER = "data"
"""The folder of the store, below the working directory, if neither --data nor --database names another."""

_USAGE = "SUNSHINE_KEYS_USAGE"
_CONSOLE = "SUNSHINE_KEYS_CONSOLE"
_SIMULATOR = "SUNSHINE_KEYS_SIMULATOR"
_TARGETS = "SUNSHINE_KEYS_WEBHOOK_TARGETS"
_BATCH = "SUNSHINE_KEYS_WEBHOOK_BATCH"
_GAP_FACTOR = "SUNSHINE_KEYS_WEBHOOK_GAP_FACTOR"
_ENDED_KEY_DAYS = "SUNSHINE_KEYS_ENDED_KEY_DAYS"


class Settings(msgspec.Struct, frozen=True):
    """Settings. `data` is the folder of the sealing keys and, unless `database` names another place, of the store.

    `sealing` replaces the file of sealing keys in `data`; one of the two is required. `log` is the form of the log of
    requests; None turns it off. `metrics` has the token for /metrics; None turns that page off. `usage` turns on counting
    the use of keys, `console` the pages at /console. `targets` are the targets of webhooks that may be called, and
    `webhook_batch` is the most events in one call. The time between attempts to deliver is multiplied by
    `webhook_gap_factor`. With `simulator`, requests may act for people. `notifications` is the operator's target of lifecycle
    events; None turns them off. A key is deleted `ended_key_days` after its end.
    """

    data: Path | None
    database: Location | None = None
    sealing: sources.Source | None = None
    rate_limits: RateLimits = DEFAULT_LIMITS
    log: Log | None = None
    metrics: MetricsAccess | None = None
    usage: bool = True
    console: bool = True
    targets: Targets = Targets.ANY
    webhook_batch: int = 1
    webhook_gap_factor: float = 1.0
    simulator: bool = False
    notifications: Notifications | None = None
    ended_key_days: int = 30

    @property
    def location(self) -> Location:
        if self.database is not None:
            return self.database
        assert self.data is not None
        return SqliteFile(self.data / STORE_FILE)

    @classmethod
    def from_environment(cls) -> Settings:
        """Read SUNSHINE_KEYS_DATA, …_DATABASE or …_DATABASE_FILE, and …_SEALING_KEY, …_FILE or …_COMMAND.

        Raises StoreError.
        """
        limits = RateLimits.from_environment(os.environ)
        log, metrics = Log.from_environment(os.environ), MetricsAccess.from_environment(os.environ)
        settings = cls.of(os.environ.get("SUNSHINE_KEYS_DATA"), database_from_environment(), limits, log, metrics)
        return msgspec.structs.replace(
            settings,
            usage=_is_on(_USAGE),
            console=_is_on(_CONSOLE),
            targets=Targets(os.environ.get(_TARGETS, Targets.ANY)),
            webhook_batch=int(os.environ.get(_BATCH, "1")),
            webhook_gap_factor=float(os.environ.get(_GAP_FACTOR, "1")),
            simulator=os.environ.get(_SIMULATOR, "off") == "on",
            notifications=Notifications.from_environment(os.environ),
            ended_key_days=int(os.environ.get(_ENDED_KEY_DAYS, "30")),
        )

    @classmethod
    def of(
        cls,
        data: str | None,
        database: str | None,
        rate_limits: RateLimits = DEFAULT_LIMITS,
        log: Log | None = None,
        metrics: MetricsAccess | None = None,
    ) -> Settings:
        """Return the settings. Raises StoreError unless they name the store and its sealing keys."""
        place = location(database) if database else None
        sealing = sources.from_environment(os.environ)
        if data:
            folder = Path(data)
        elif isinstance(place, SqliteFile):
            folder = place.path.parent
        elif place is None:
            folder = Path(DEFAULT_FOLDER)
        elif sealing is None:
            raise StoreError("say where the sealing key is: --data FOLDER, or SUNSHINE_KEYS_SEALING_KEY_FILE")
        else:
            folder = None
        return cls(folder, place, sealing, rate_limits, log, metrics)

    def environment(self) -> dict[str, str]:
        """Return variables that, added to the environment, make `from_environment` return these settings.

        A database's URL that came from a file is not repeated.
        """
        variables = self.rate_limits.environment() | (self.log.environment() if self.log else {})
        variables[_USAGE] = "on" if self.usage else "off"
        variables[_CONSOLE] = "on" if self.console else "off"
        variables[_SIMULATOR] = "on" if self.simulator else "off"
        variables[_TARGETS] = self.targets.value
        variables[_BATCH] = str(self.webhook_batch)
        variables[_ENDED_KEY_DAYS] = str(self.ended_key_days)
        variables[_GAP_FACTOR] = str(self.webhook_gap_factor)
        if self.notifications is not None:
            variables |= self.notifications.environment()
        if self.metrics is not None:
            variables |= self.metrics.environment()
        if self.data is not None:
            variables["SUNSHINE_KEYS_DATA"] = str(self.data.absolute())
        if self.database is not None and self.database.url != database_from_environment():
            variables["SUNSHINE_KEYS_DATABASE"] = self.database.url
        return variables


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "on") != "off"


def database_from_environment() -> str | None:
    """Return SUNSHINE_KEYS_DATABASE or, if it is not set, the content of the file that …_FILE names. Raises StoreError."""
    name = "SUNSHINE_KEYS_DATABASE"
    url, file = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if url or not file:
        return url
    try:
        url = Path(file).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {name}_FILE: {error}") from error
    if not url:
        raise StoreError(f"{name}_FILE: {file} is empty")
    return url
