"""One callback of the loop wakes all waiters, in line with the other callbacks."""

import gevent
from gevent.event import Event

loop = gevent.get_hub().loop
one, two = Event(), Event()


def waiter(event, name):
    event.wait()
    print(name)


for i in range(2):
    gevent.spawn(waiter, one, f"waits for one, {i}")
    gevent.spawn(waiter, two, f"waits for two, {i}")
gevent.sleep(0)
loop.run_callback(print, "callback before")
two.set()
gevent.spawn(print, "spawned between")
one.set()
two.set()
loop.run_callback(print, "callback after")
gevent.sleep(0)
print("main")
