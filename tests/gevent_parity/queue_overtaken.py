"""Another greenlet takes the item before the woken waiter has run; the waiter goes on waiting."""

import gevent
from gevent.queue import Queue

queue = Queue()


def getter(name):
    print(f"{name} waits")
    print(f"{name} got {queue.get()}")


gevent.spawn(getter, "a")
gevent.sleep(0)
queue.put("first")
print(f"main got {queue.get()}")
gevent.spawn(getter, "b")
gevent.sleep(0)
queue.put("second")
gevent.sleep(0)
queue.put("third")
gevent.sleep(0)
