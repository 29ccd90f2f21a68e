"""Events, results and semaphores are waited for together, and come in the order in which they become ready."""

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore

event, result, semaphore, never = Event(), AsyncResult(), Semaphore(0), Event()
objects = {id(event): "event", id(result): "result", id(semaphore): "semaphore", id(never): "never"}


def makes_ready():
    semaphore.release()
    gevent.sleep(0)
    result.set(1)
    event.set()


gevent.spawn(makes_ready)
for ready in gevent.iwait([event, result, semaphore, never], count=3):
    print(f"ready: {objects[id(ready)]}")
print(f"never: {never.linkcount()}, semaphore: {semaphore.counter}")
print(f"none in time: {len(gevent.wait([never], timeout=0.001))}")
