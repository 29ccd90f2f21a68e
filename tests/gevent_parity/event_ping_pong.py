"""Greenlets wait for a set event again, and clear and set it by turns."""

import gevent
from gevent.event import Event

event = Event()


def waiter(name, clears):
    for i in range(3):
        event.wait()
        print(f"{name}, round {i}")
        if clears:
            event.clear()
        gevent.sleep(0)


greenlets = [gevent.spawn(waiter, f"waiter {i}", i == 1) for i in range(3)]
for i in range(20):
    gevent.sleep(0)
    if not event.is_set():
        print("set")
        event.set()
    if all(g.ready() for g in greenlets):
        break
gevent.joinall(greenlets)
print(f"turns: {i}")
