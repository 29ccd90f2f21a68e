"""A signal's handler runs in a Greenlet, which can be killed, linked to, and waits."""

import os
import signal

import gevent
from gevent import getcurrent
from gevent.event import Event

from common import flag


def callback(g):
    print(f"spawn callback: {flag(isinstance(g, gevent.Greenlet))}")


def handler(label):
    this = getcurrent()
    print(f"{label}: {flag(isinstance(this, gevent.Greenlet))} {flag(this.started)} {flag(this.spawning_greenlet() is hub)}")
    this.link(lambda g: print(f"{label} has ended: {flag(g.successful())}"))
    gevent.sleep(0)
    called.set()
    if label == "killed":
        try:
            this.kill()
        except gevent.GreenletExit:
            print("killed")


hub, called = gevent.get_hub(), Event()
gevent.Greenlet.add_spawn_callback(callback)
for number, label in (signal.SIGUSR1, "waits"), (signal.SIGUSR2, "killed"):
    watched = gevent.signal_handler(number, handler, label)
    os.kill(os.getpid(), number)
    called.wait()
    called.clear()
    gevent.sleep(0)
    gevent.sleep(0)
    watched.cancel()
