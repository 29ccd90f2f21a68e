"""The time limit of a wait makes it return; another timeout is raised."""

import gevent
from gevent.event import Event

from common import flag

event = Event()
with gevent.Timeout(100):
    print(f"own: {flag(event.wait(0.001))}")
outer = gevent.Timeout(0.001)
outer.start()
try:
    event.wait(100)
except gevent.Timeout as timeout:
    print(f"outer: {flag(timeout is outer)}")
outer.close()


def waits(timeout):
    with gevent.Timeout(0.03, False):
        print(f"waited for {timeout}: {flag(event.wait(timeout))}")
        return
    print(f"silent instead of {timeout}")


gevent.joinall([gevent.spawn(waits, timeout) for timeout in (0, 100, 0.001)])
print(f"linked: {event.linkcount()}")
