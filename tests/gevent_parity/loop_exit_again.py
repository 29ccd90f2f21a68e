"""LoopExit tells main that it cannot be woken; the greenlets that wait are still there in the next wait."""

import gevent
from gevent.event import Event
from gevent.exceptions import LoopExit

from common import flag

event = Event()


def waiter(label):
    event.wait()
    print(f"{label} goes on")
    return label


g = gevent.spawn(waiter, "a")
for attempt in range(2):
    try:
        g.join()
    except LoopExit as error:
        print("LoopExit", flag(error.hub is gevent.get_hub()), flag(g.ready()))
h = gevent.spawn(waiter, "b")
print("joined:", flag(gevent.get_hub().join()))
event.set()
print(g.get(), h.get())
print("joined:", flag(gevent.get_hub().join()))
