"""When the last link is taken away, later waiters do not wait for a turn any more."""

import gevent
from gevent.event import Event

gevent.get_hub()  # without one, links are called at once
event = Event()


def link(source):
    print("is not called")


event.rawlink(link)
event.set()
gevent.spawn(print, "spawned")
event.unlink(link)
event.wait()
print("main did not wait")
event.rawlink(lambda source: print("another link"))
event.wait()
print("main waited")
