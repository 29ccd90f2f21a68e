"""`signal` returns the handler that there was, which can be set again; `getsignal` tells it."""

import os
import signal as _signal

import gevent
from gevent.signal import SIG_DFL, SIG_IGN, getsignal, signal

from common import flag

USR1 = _signal.SIGUSR1


def send():
    os.kill(os.getpid(), USR1)
    gevent.sleep(0.01)


def first(signum, frame):
    print(f"first: {flag(signum == USR1)}")


def second(signum, frame):
    print("second")
    signal(USR1, SIG_IGN)


print(flag(getsignal(USR1) == SIG_DFL))
print(flag(signal(USR1, SIG_IGN) == SIG_DFL))
send()
print(flag(signal(USR1, first) == SIG_IGN))
send()
old = getsignal(USR1)
print(flag(signal(USR1, second) == old))
print(flag(getsignal(USR1) == old))
send()
print(flag(getsignal(USR1) == SIG_IGN))
send()
print(flag(signal(USR1, old) == SIG_IGN))
send()
print(flag(signal(USR1, SIG_DFL) == old))
print(flag(getsignal(USR1) == SIG_DFL))
for wrong in (0, 1000):
    try:
        signal(wrong, SIG_IGN)
    except ValueError:
        print("wrong")
