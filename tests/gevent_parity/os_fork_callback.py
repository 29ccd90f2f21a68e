"""The callback of fork_and_watch is called before waitpid returns, also if nobody waits."""

import os

import gevent
from gevent.os import fork_and_watch, waitpid

from common import report_errors

report_errors()
# Without this, a child that has ended before it is watched is waited for for ever.
gevent.get_hub().loop.install_sigchld()


def ended(watcher):
    print(f"callback: {os.WEXITSTATUS(watcher.rstatus)}")


def fails(watcher):
    print("fails")
    raise ValueError("callback")


for code in (1, 2):
    pid = fork_and_watch(callback=ended)
    if pid == 0:
        os._exit(code)
    _pid, status = waitpid(pid, 0)
    print(f"main: {os.WEXITSTATUS(status)}")

done = []
pid = fork_and_watch(callback=lambda watcher: (ended(watcher), done.append(1)))
if pid == 0:
    os._exit(3)
while not done:
    gevent.sleep(0.01)
_pid, status = waitpid(pid, os.WNOHANG)
print(f"main: {os.WEXITSTATUS(status)}")

# The hub does not wait for it.
reader, writer = os.pipe()
pid = fork_and_watch(callback=fails)
if pid == 0:
    os.close(writer)
    os.read(reader, 1)
    os._exit(4)
gevent.get_hub().join()
print("joined")
os.close(writer)
_pid, status = waitpid(pid, 0)
print(f"main: {os.WEXITSTATUS(status)}")
