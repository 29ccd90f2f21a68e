"""A wait for an event that is set takes its turn behind earlier waiters, in the same iteration."""

import gevent
from gevent.event import Event

event = Event()
check = gevent.get_hub().loop.check()


def waiter(name):
    event.wait()
    print(name)


gevent.spawn(waiter, "first")
gevent.spawn(waiter, "second")
gevent.sleep(0)
check.start(print, "check")
event.set()
gevent.spawn(waiter, "spawned after the set")
waiter("main")
check.stop()
waiter("main again, at once")
gevent.sleep(0)
