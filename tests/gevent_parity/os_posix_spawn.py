"""A program that is spawned is a watched child: `waitpid` and a handler of `SIGCHLD` hear of its end."""

import os
import signal as _signal

import gevent
from gevent.os import posix_spawn, waitpid
from gevent.signal import SIG_DFL, signal

# Without this, a child that has ended before it is watched is waited for for ever.
gevent.get_hub().loop.install_sigchld()


def sh(script, **options):
    return posix_spawn("/bin/sh", ["sh", "-c", script], os.environ, **options)


def ended(signum, frame):
    print("ended")


def other():
    print("runs meanwhile")


signal(_signal.SIGCHLD, ended)
for code in (0, 3):
    greenlet = gevent.spawn(other)
    _pid, status = waitpid(sh(f"exit {code}"), 0)
    print(f"code {os.WEXITSTATUS(status)}")
    greenlet.join()
reader, writer = os.pipe()
pid = sh("read line; kill -KILL $$", file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)])
print(f"runs: {waitpid(pid, os.WNOHANG)}")
os.close(writer)
_pid, status = waitpid(pid, 0)
print(f"signal {os.WTERMSIG(status)}")
try:
    posix_spawn("/no/such/program", ["x"], os.environ)
except FileNotFoundError:
    print("there is no such program")
signal(_signal.SIGCHLD, SIG_DFL)
waitpid(sh("exit 0"), 0)
