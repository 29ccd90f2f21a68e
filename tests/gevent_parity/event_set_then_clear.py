"""A set event wakes all its waiters in order, even if it is cleared before they run; later ones wait."""

import gevent
from gevent.event import Event

from common import flag

event = Event()


def waiter(name, timeout=None):
    got = event.wait(timeout)
    print(f"{name}: {flag(got)}, event set: {flag(event.is_set())}")


first = [gevent.spawn(waiter, f"waiter {i}") for i in range(3)]
gevent.sleep(0)
event.set()
event.clear()
late = gevent.spawn(waiter, "late", 0.01)
print(f"linked: {event.linkcount()}")
gevent.joinall(first + [late])
print(f"linked: {event.linkcount()}")
