"""The end of what a test process has started, once that process has ended, even by a signal.

A watcher waits for the end of the test process. It then kills every process that has inherited its mark, a variable of the
environment: servers and their workers, a PostgreSQL, a browser.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path

VARIABLE = "ENDS_WITH_TESTS_OF"


def end_with_this_process() -> None:
    """Let the processes that this one starts from now on end with it. Without pidfd (Linux has it), do nothing."""
    if not hasattr(os, "pidfd_open"):
        return
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    os.environ[VARIABLE] = mark = f"{os.getpid()} {os.urandom(8).hex()}"
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    streams = [null, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
    os.posix_spawn(
        sys.executable, [sys.executable, "-I", "-S", __file__, mark], environment, file_actions=streams, setsid=True
    )


def _watch(mark: str) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        select.select([os.pidfd_open(int(mark.split(maxsplit=1)[0]))], [], [])
    while _kill_marked(f"{VARIABLE}={mark}".encode()):
        time.sleep(0.01)  # one of them may have started another meanwhile


def _kill_marked(line: bytes) -> bool:
    """Kill the processes whose environment has this line. Return False if there are none."""
    is_any = False
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or belongs to another user
            if line in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
                is_any = True
    return is_any


if __name__ == "__main__":
    _watch(sys.argv[1])
