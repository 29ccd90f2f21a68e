"""Iterating, until StopIteration."""

import gevent
from gevent.queue import Channel, Queue


def consumer(name, queue):
    for item in queue:
        print(f"{name} got {item}")
    print(f"{name} ends")


for kind in (Queue, Channel):
    queue = kind()
    gs = [gevent.spawn(consumer, name, queue) for name in "ab"]
    for i in range(3):
        queue.put(i)
    queue.put(StopIteration)
    queue.put(StopIteration)
    gevent.joinall(gs)
