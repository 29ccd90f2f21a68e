"""Runs one file of tests on one loop, and tells which of its tests fail."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

# unittest's heading of a test that has failed. What follows the name in brackets is the class.
HEADING = re.compile(r"^(?:FAIL|ERROR|UNEXPECTED SUCCESS): (.+)$", re.MULTILINE)
RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
# Addresses and ports in the parameters of subtests differ each time.
VARYING = re.compile(r"0x[0-9a-f]+|\b\d{4,}\b")


@dataclass
class Result:
    """What a file has said. `failed` has the names of the tests that fail or err."""

    tests: int = 0
    failed: set = field(default_factory=set)
    seconds: float = 0.0


def run(command, folder, environment, log, limit):
    """Runs the command in a session of its own, of which nothing is left afterwards."""
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    return read(log, status, limit, time.monotonic() - start)


def read(log: Path, status, limit, seconds):
    text = log.read_text(errors="replace")
    failed = {VARYING.sub("N", name.strip()) for name in HEADING.findall(text)}
    if status is None:
        failed.add(f"(no end after {limit} s)")
    elif status < 0:
        failed.add(f"(killed by signal {-status})")
    elif status != 0 and not failed:
        failed.add(f"(exit status {status})")
    return Result(sum(map(int, RAN.findall(text))), failed, seconds)
