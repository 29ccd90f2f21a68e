"""Runs programs under valgrind. CPython and greenlet, which copies stacks, trip it all the time: only errors count whose
stacks have a frame of the extension, be it Rust's or libev's."""

import re
import shutil
import sys

from judge import machine

FRAMES = re.compile(r"hub::|greenlet_core::|rustloop|libev_sys|\(ev\.c|\(shim\.c")


def command(folder):
    """What is put before the command. Each process has a log in the folder."""
    if not shutil.which("valgrind"):
        sys.exit("valgrind is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # CPython's own allocator would hide what is freed.
    return ["env", "PYTHONMALLOC=malloc", "valgrind", "--num-callers=40", f"--log-file={folder}/%p.log"]


def errors(folder):
    """The errors that are ours."""
    logs = [log.read_text(errors="replace") for log in folder.glob("*.log")]
    if not logs or not all("ERROR SUMMARY" in log for log in logs):
        sys.exit(f"valgrind has not come to its end: {folder}")
    blocks = [block for log in logs for block in re.sub(r"^==\d+== ?", "", log, flags=re.MULTILINE).split("\n\n")]
    return [block for block in blocks if re.search(r"^ +(at|by) 0x", block, re.MULTILINE) and FRAMES.search(block)]


def report(programs):
    folder = machine.TARGET / "valgrind"
    found = errors(folder)
    for block in found:
        print(block, end="\n\n")
    print(f"{programs} programs under valgrind, {f'{len(found)} ERRORS' if found else 'no error with a frame of ours'}")
    return bool(found)
