"""A message that repeats is logged once a minute, with a count."""

from __future__ import annotations

import subprocess
import sys

from sunshine_keys.observing.repetition import SECONDS, Repetitions


def test_a_message_that_repeats_is_logged_once_a_minute_with_a_count() -> None:
    now = [1000.0]
    repetitions = Repetitions(lambda: now[0])
    assert repetitions.admit("a", "no contact after 1 s") == "no contact after 1 s"
    for second in range(5):
        assert repetitions.admit("a", f"no contact after {second} s") is None
    assert repetitions.admit("b", "no contact after 1 s") == "no contact after 1 s"
    assert repetitions.admit("a", "another reason") == "another reason"
    now[0] += SECONDS
    assert repetitions.admit("a", "no contact after 9 s") == "no contact after 9 s (5 more like it since the last line)"
    now[0] += SECONDS
    assert repetitions.admit("a", "no contact after 9 s") == "no contact after 9 s"


def test_the_memory_of_messages_is_bounded() -> None:
    repetitions = Repetitions(lambda: 0.0)
    for number in range(10_000):
        name = "".join(chr(ord("g") + int(digit)) for digit in str(number))
        assert repetitions.admit("a", name) == name
    assert len(repetitions._kinds) <= 1000


def test_the_log_of_a_process_limits_warnings_but_not_requests() -> None:
    program = """
import logging
from sunshine_keys.observing.logs import Log
Log().configure()
for number in range(100):
    logging.getLogger("sunshine_keys.x").warning("no contact with %s", number)
    logging.getLogger("sunshine_keys.x").info("line %d", number)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    lines = result.stderr.splitlines()
    assert len([line for line in lines if "no contact with 0" in line]) == 1
    assert len([line for line in lines if "no contact" in line]) == 1
    assert len([line for line in lines if "line " in line]) == 100
