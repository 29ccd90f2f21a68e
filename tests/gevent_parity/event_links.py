"""Links are called in their order; one that fails does not stop the others; unlinked ones are not called."""

import gevent
from gevent.event import Event

from common import report_errors

report_errors()
event = Event()


def fails(source):
    print("fails")
    raise ValueError("of a link")


def says(name):
    return lambda source: print(name)


def removes(source):
    print("removes the next")
    source.unlink(removed)


removed = says("removed")
event.rawlink(says("first"))
event.rawlink(fails)
event.rawlink(removes)
event.rawlink(removed)
event.rawlink(says("last"))
event.unlink(says("never linked"))
print(f"linked: {event.linkcount()}")
event.set()
print("set")
gevent.sleep(0)
print(f"linked: {event.linkcount()}")
event.rawlink(says("linked to a set event"))
print("not yet")
gevent.sleep(0)
