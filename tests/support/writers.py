"""Connections that write for as long as a block runs."""

from __future__ import annotations

import threading

from support.ledger import INTEGRATIONS
from support.wire import Key, Wire


class Writers:
    """Four connections that create and delete keys of one integration each for as long as the block runs."""

    def __init__(self, wire: Wire, auth: Key) -> None:
        self._wire, self._auth = wire, auth
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        self.writes = 0
        self.faults: list[str] = []

    def _run(self) -> None:
        body = {"type": "custom", "webhooks": [{"target": "https://example.com", "triggers": []}]}
        integration = self._wire.post(INTEGRATIONS, self._auth, body)
        keys = f"{INTEGRATIONS}/{integration.json['integration']['id']}/keys"
        while not self._stop.is_set():
            created = self._wire.post(keys, self._auth, {"displayName": "x"})
            if created.status == 404:  # a restore removed the integration
                return
            if created.status != 201:
                self.faults.append(repr(created))
                return
            key_id = created.json["key"]["id"]
            if (answer := self._wire.delete(f"{keys}/{key_id}", self._auth)).status not in (200, 404):
                self.faults.append(repr(answer))
            self.writes += 2

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not self.faults
