"""A greenlet that comes after a clear, but before the earlier waiters are woken, is woken with them."""

import gevent
from gevent.event import Event

from common import flag

event = Event()


def waiter(name):
    print(f"{name} waits")
    print(f"{name}: {flag(event.wait(0.01))}")


first = gevent.spawn(waiter, "first")
gevent.sleep(0)
before = gevent.spawn(waiter, "starts before the waking")
event.set()
event.clear()
after = gevent.spawn(waiter, "starts after the waking")
gevent.joinall([first, before, after])
