"""iwait and wait with no objects, with too large a count, with one object twice, and with dead greenlets."""

import gevent
from gevent.event import Event


def ends(n):
    gevent.sleep(0)
    return n


def names(objects):
    return " ".join(named[id(o)] for o in objects) or "nothing"


named = {}


def spawn(label):
    g = gevent.spawn(ends, label)
    named[id(g)] = label
    return g


print(names(gevent.iwait([])), names(gevent.wait([])))
a, b = spawn("a"), spawn("b")
print(names(gevent.iwait([a, b], count=0)))
print(names(gevent.iwait([a, b], count=5)))
print(names(gevent.iwait([b, a])))
c = spawn("c")
print(names(gevent.wait([c, c, a])))
print(names(gevent.iwait([c, c], count=1)))
event = Event()
named[id(event)] = "event"
print(names(gevent.wait([event, a], timeout=0.001)))
print(names(gevent.wait([event, a], count=1)))
gevent.get_hub().loop.run_callback(event.set)
print(names(gevent.iwait([event, a, event])))
print(names(gevent.iwait([event], timeout=0)))
