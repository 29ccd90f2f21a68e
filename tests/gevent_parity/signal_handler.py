"""A signal handler runs in a greenlet of its own, so it may block; it does not keep the loop running."""

import os
import signal

import gevent

from common import name, report_errors

report_errors()


def handler(label):
    print(f"{label}: handles it")
    gevent.sleep(0.001)
    print(f"{label}: ends")


def fails():
    raise ValueError("handler")


user1 = gevent.signal_handler(signal.SIGUSR1, handler, "user 1")
user2 = gevent.signal_handler(signal.SIGUSR2, fails)
os.kill(os.getpid(), signal.SIGUSR1)
print("killed")
gevent.sleep(0.1)
os.kill(os.getpid(), signal.SIGUSR2)
try:
    gevent.sleep(100)
except ValueError as error:
    print(f"main: {name(error)}")
gevent.get_hub().join()
user1.cancel()
user2.cancel()
