"""What is measured: processes that serve the same answers, each pinned to a core, with what they cost."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fill import sealer_of
from load import SERVER_CORE

from sunshine_keys.settings import STORE_FILE

_REFERENCE_KEY = bytes(range(32))
_TICKS = os.sysconf("SC_CLK_TCK")


class Target:
    """A server in a process group of its own. `start_seconds` is the time from its start to its first answer."""

    def __init__(
        self, name: str, command: list[str], port: int, *, health: str = "/healthz", cores: Iterable[int] = (SERVER_CORE,),
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        pinned = set(cores)
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env=os.environ | (environment or {}),
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, pinned),
        )
        try:
            self._wait(health)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - began

    def _wait(self, health: str) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("GET", health)
            except (OSError, http.client.HTTPException):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} did not start: {self.said()}") from None
                time.sleep(0.002)
            else:
                return

    def ask(self, method: str, path: str, authorization: str = "", body: str = "") -> tuple[int, dict[str, str], bytes]:
        """Send one request, and return status, headers and body."""
        headers = {"Authorization": authorization} if authorization else {}
        if body:
            headers["Content-Type"] = "application/json"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def processes(self) -> list[int]:
        """Return the CPU seconds of the server and its workers."""
        return family(self._process.pid)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.processes())

    def peak_megabytes(self) -> float:
        """Return the peak memory of the largest process."""
        peaks = [_peak_kilobytes(pid) for pid in self.processes()]
        return max(peaks) * 1024 / 1e6

    def said(self) -> str:
        """Return the end of the server's standard error."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 2000))
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def family(parent: int) -> list[int]:
    """Return a process and all its descendants; some may end meanwhile."""
    pids = [parent]
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def cpu_seconds(processes: Iterable[int]) -> float:
    total = 0
    for pid in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def _peak_kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def service(
    data: Path, *options: str, workers: int = 1, cores: Iterable[int] = (SERVER_CORE,), name: str = "service",
    database: str = "", logs: bool = False,
) -> Target:  # fmt: skip
    """The service, on the SQLite store in `data`, or on PostgreSQL if `database` is set.

    It writes a line per request only if `logs` is true: the floor, the reference and nginx write none. `options` are further
    options of `serve`.
    """
    port = free_port()
    # Refused credentials count towards these limits, but do not reach them.
    command = [
        "--data",
        str(data),
        "--port",
        str(port),
        "--workers",
        str(workers),
        "--rate-limit-failures",
        "99999999/second",
        "--log-level",
        "info" if logs else "warning",
        *(["--database", database] if database else []),
        *options,
    ]
    return Target(name, [sys.executable, "-m", "sunshine_keys", "serve", *command], port, cores=cores)


def floor(answers: Path) -> Target:
    """The floor: a bare ASGI callable that returns the bytes in `answers` by path."""
    port = free_port()
    program = [sys.executable, str(Path(__file__).with_name("floor.py")), str(port), str(answers)]
    return Target("floor", program, port)


def nginx(folder: Path, answers: Mapping[str, tuple[int, list[tuple[str, str]], str]]) -> Target:
    """One nginx worker that returns the same bytes by path."""
    port = free_port()
    locations = ""
    for path, (status, headers, body) in answers.items():
        others = dict(headers)
        media_type = others.pop("content-type")
        others.pop("content-length", None)  # nginx adds it
        added = "".join(f"add_header {name} {_quoted(value)} always; " for name, value in others.items())
        locations += f'location = {path} {{ default_type "{media_type}"; {added}return {status} {_quoted(body)}; }}\n'
    return start_nginx(folder, port, f"server {{ listen 127.0.0.1:{port}; \n{locations}}}")


def start_nginx(folder: Path, port: int, http: str) -> Target:
    """One nginx worker with these directives in its block `http`."""
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; server_tokens off; keepalive_requests 1000000000; client_body_temp_path {folder};\n"
        f"proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n"
        f"{http} }}\n"
    )
    return Target("nginx", ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port)


def _quoted(text: str) -> str:
    """Quote a value for nginx's configuration."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def reference_python(folder: Path) -> Path:
    """Return the Python of the reference's own virtual environment; create it if it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        pinned = Path(__file__).parent / "reference" / "requirements.txt"
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(pinned)], check=True)
    return python


def reference(python: Path, database: Path) -> Target:
    """The reference, served by uvicorn's command with the parts that the service uses."""
    port = free_port()
    command = [str(python), "-m", "uvicorn", "app:app", "--app-dir", str(Path(__file__).parent / "reference")]
    options = [
        "--port",
        str(port),
        "--no-access-log",
        "--no-server-header",
        "--no-proxy-headers",
        "--log-level",
        "warning",
    ]
    environment = {"REFERENCE_DATABASE": str(database), "REFERENCE_SEALING_KEY": _REFERENCE_KEY.hex()}
    return Target("reference", [*command, *options], port, environment=environment)


def copy_to_reference(data: Path, database: Path) -> None:
    """Copy the service's store into the reference's tables, sealed under the reference's own key."""
    aead, sealer = AESGCM(_REFERENCE_KEY), sealer_of(data)

    def seal_again(id: str, sealed: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + aead.encrypt(nonce, sealer.open(sealed, id).encode(), id.encode())

    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.create_function("seal_again", 2, seal_again)
        connection.execute("ATTACH ? AS theirs", (str(data / STORE_FILE),))
        for table, columns in {
            "apps": "id",
            "integrations": "id, app_id, type",
            "keys": "id, scope, app_id, integration_id, display_name, sealed_secret",
        }.items():
            values = columns.replace("sealed_secret", "seal_again(id, sealed_secret)")
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM theirs.{table}")
