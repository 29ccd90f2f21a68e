"""wait and iwait of greenlets, events, results and semaphores in one list, by count and by time."""

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore


def after(turns, function, *args):
    for _ in range(turns):
        gevent.sleep(0)
    function(*args)


event, result, semaphore = Event(), AsyncResult(), Semaphore(0)
greenlet = gevent.spawn(after, 1, print, "the greenlet ends")
names = {event: "event", result: "result", semaphore: "semaphore", greenlet: "greenlet"}
things = list(names)


def show(label, ready):
    print(f"{label}: " + " ".join(names[thing] for thing in ready))


show("at once", gevent.wait(things, timeout=0))
show("one", gevent.wait(things, count=1))
gevent.spawn(after, 1, result.set, 7)
gevent.spawn(after, 2, semaphore.release)
for thing in gevent.iwait([event, result, semaphore], count=2):
    print(f"{names[thing]} is ready")
show("three", gevent.wait(things, count=3))
show("in a time", gevent.wait(things, timeout=0.001))
gevent.spawn(after, 3, event.set)
show("all", gevent.wait(things))
show("at once", gevent.wait(things, timeout=0))
print(f"{result.get()} {semaphore.counter} {len(gevent.wait(things, count=2, timeout=5))}")
