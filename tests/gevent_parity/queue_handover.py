"""Greenlets that wait for items get them in the order in which they came."""

import gevent
from gevent.queue import Queue

queue = Queue()


def getter(name):
    for _ in range(2):
        print(f"{name} got {queue.get()}")


for name in "abc":
    gevent.spawn(getter, name)
gevent.sleep(0)
for i in range(3):
    queue.put(i)
    print(f"put {i}, size {queue.qsize()}")
gevent.sleep(0)
for i in range(3, 6):
    queue.put(i)
    gevent.sleep(0)
