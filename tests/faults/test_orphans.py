"""No process of the tests outlives the process that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import wait_until

PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from support import orphans
orphans.end_with_this_process()
from support.servers import Server
Server(Path({data!r}) / "forked", "--workers", "2")
server = Server(Path({data!r}) / "started", "--workers", "2", patch="pass")
sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(os.environ[orphans.VARIABLE], flush=True)
time.sleep(600)
"""


def marked(line: bytes) -> list[int]:
    """Return the ids of the processes that have this line in their environment."""
    ids: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if line in (folder / "environ").read_bytes():
                ids.append(int(folder.name))
        except OSError:  # it has ended
            continue
    return ids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_test_process(number: signal.Signals, tmp_path: Path) -> None:
    program = PROGRAM.format(tests=str(Path(__file__).parents[1]), data=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = f"ENDS_WITH_TESTS_OF={process.stdout.readline().strip()}".encode()
        started = marked(line)
        assert len(started) >= 8  # the process that forks, two services of three processes, and the one that sleeps
        process.send_signal(number)
        process.wait(30)
        wait_until(lambda: not marked(line))
