"""A server that logs everything, on a store with planted secrets."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sunshine_keys.compose import create_first_objects
from sunshine_keys.sealing.sources import FixedKeys
from sunshine_keys.settings import Settings
from support.wire import Answer, Key, Wire

SEALING_KEY = bytes(range(100, 132))


PROGRAM = """
import logging, sys
from sunshine_keys.cli import main
from sunshine_keys.observing.logs import Log
from sunshine_keys.apps import operations
from sunshine_keys.store.sqlite import schema

def everything(log):
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)

Log.configure = everything
schema._BUSY_SECONDS = 0.2
real = operations.require_app

def require_app(app_id):
    if app_id.startswith("boom"):
        raise RuntimeError(f"a failure that holds {app_id}") from ValueError(app_id)
    return real(app_id)

operations.require_app = require_app
main()
"""


class Serving:
    """A server process that logs everything, on a store with planted secrets."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        sample = create_first_objects(Settings(self.data, sealing=FixedKeys([SEALING_KEY])), sample=True)
        assert sample is not None
        self.account, self.app_key, self.key = (Key.of(sample[name]) for name in ("account_key", "app_key", "key"))
        self.app = f"/v2/apps/{sample['app']['id']}"
        self.integration = f"{self.app}/integrations/{sample['integration']['id']}"
        webhook = sample["integration"]["webhooks"][0]["secret"]
        self.planted = [self.account.secret, self.app_key.secret, self.key.secret, webhook]
        self.planted += [
            self.key.bearer()[7:],
            self.app_key.bearer()[7:],
            self.key.basic()[6:],
            self.app_key.basic()[6:],
        ]
        self._files = [(folder / name).open("w+b") for name in ("stdout", "stderr")]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-X",
                "dev",
                "-c",
                PROGRAM,
                "serve",
                "--data",
                str(self.data),
                "--port",
                "0",
                "--log-level",
                "debug",
            ],
            stdout=self._files[0],
            stderr=self._files[1],
            env=os.environ
            | {
                "PYTHONASYNCIODEBUG": "1",
                "PYTHONUNBUFFERED": "1",
                "SUNSHINE_KEYS_SEALING_KEY": base64.b64encode(SEALING_KEY).decode(),
                "SUNSHINE_KEYS_RATE_LIMIT_FAILURES": "off",
            },
        )
        try:
            self.wire = Wire(self._url())
        except BaseException:
            self.close()
            raise
        self.refusals: list[Answer] = []

    def _url(self) -> str:
        deadline = time.monotonic() + 30
        while b"serves on " not in (said := self.written()):
            assert time.monotonic() < deadline and self.process.poll() is None, said
            time.sleep(0.02)
        return said.split(b"serves on ")[1].split()[0].decode()

    def refused(self, *request: Any, **options: Any) -> None:
        answer = self.wire.send(*request, **options)
        assert answer.status >= 400, request
        self.refusals.append(answer)

    def written(self) -> bytes:
        content = b""
        for file in self._files:
            file.seek(0)
            content += file.read()
        return content

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        for file in self._files:
            file.close()


def forms(planted: str) -> list[bytes]:
    """Return the encodings in which a secret may appear."""
    raw = planted.encode()
    return [raw, raw.hex().encode(), quote(planted, safe="").encode(), base64.b64encode(raw)[:-4]]


def assert_nowhere(planted: list[str], places: dict[str, bytes]) -> None:
    for place, content in places.items():
        for secret in planted:
            for form in forms(secret):
                assert form not in content, f"{secret[:8]}… is in {place}"
    for form in (SEALING_KEY, SEALING_KEY.hex().encode(), base64.b64encode(SEALING_KEY).rstrip(b"=")):
        for place, content in places.items():
            assert form not in content, f"the sealing key is in {place}"
