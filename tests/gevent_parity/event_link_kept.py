"""A callback is linked to an event, a semaphore and a result, twice to each, and is called with each of them."""

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore

from common import flag


def ready(source):
    print(f"{type(source).__name__} is ready: {flag(source.ready())}")


def other(source):
    print(f"{type(source).__name__} calls the other")


event, semaphore, result = Event(), Semaphore(0), AsyncResult()
for source in event, semaphore, result:
    source.unlink(ready)
    source.rawlink(ready)
    source.rawlink(other)
    source.rawlink(ready)
print(f"links: {event.linkcount()} {semaphore.linkcount()} {result.linkcount()}")
result.unlink(other)
event.set()
semaphore.release()
result.set(1)
gevent.sleep(0)
print("again")
event.rawlink(ready)
event.unlink(ready)
event.rawlink(other)
semaphore.rawlink(other)
gevent.sleep(0)
print("twice, and not last")
for source in event, result:
    source.rawlink(ready)
    source.rawlink(ready)
    source.rawlink(other)
gevent.sleep(0)
