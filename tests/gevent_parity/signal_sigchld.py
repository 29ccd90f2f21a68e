"""A handler of SIGCHLD is called in a greenlet for each watched child; the earlier one can be restored."""

import os
import signal as _signal

import gevent
from gevent.os import fork, waitpid
from gevent.signal import SIG_DFL, SIG_IGN, getsignal, signal

from common import flag


def child():
    # Without this, a child that has ended before it is watched is waited for for ever.
    gevent.get_hub().loop.install_sigchld()
    pid = fork()
    if pid == 0:
        os._exit(2)
    _pid, status = waitpid(pid, 0)
    gevent.sleep(0.01)
    print(f"status {os.WEXITSTATUS(status)}")


def first(signum, frame):
    print(f"first: {flag(signum == _signal.SIGCHLD)}")
    gevent.sleep(0)
    print("first ends")


def second(signum, frame):
    print("second")


print(flag(getsignal(_signal.SIGCHLD) == SIG_DFL))
child()
print(flag(signal(_signal.SIGCHLD, first) == SIG_DFL))
child()
old = signal(_signal.SIGCHLD, second)
print(flag(getsignal(_signal.SIGCHLD) == old))
child()
signal(_signal.SIGCHLD, old)
print(flag(getsignal(_signal.SIGCHLD) == old))
child()
print(flag(signal(_signal.SIGCHLD, SIG_IGN) == old))
print(flag(signal(_signal.SIGCHLD, SIG_DFL) == SIG_IGN))
child()
