"""Putters and getters that wait at the same time, in one burst."""

import gevent
from gevent.queue import Queue

queue = Queue(1)


def putter(name):
    queue.put(name)
    print(f"{name} is put")


def getter(name):
    print(f"{name} got {queue.get()}")


for i in range(3):
    gevent.spawn(getter, f"g{i}")
for i in range(5):
    gevent.spawn(putter, f"p{i}")
for i in range(3, 5):
    gevent.spawn(getter, f"g{i}")
gevent.sleep(0)
print(f"after one turn {queue.qsize()}")
gevent.sleep(0)
print(f"at last {queue.qsize()}")
