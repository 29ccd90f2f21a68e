"""Last in first out, and smallest first, also with greenlets that wait."""

import gevent
from gevent.queue import LifoQueue, PriorityQueue


def getter(queue, name):
    print(f"{name} got {queue.get()}")


def putter(queue, item):
    queue.put(item)
    print(f"{item} is put")


for kind in (LifoQueue, PriorityQueue):
    queue = kind(2, [5, 3, 4])
    print(f"peek {queue.peek()}, size {queue.qsize()}")
    for item in (1, 6):
        gevent.spawn(putter, queue, item)
    gevent.sleep(0)
    print(*(queue.get() for _ in range(3)))
    gevent.sleep(0)
    print(f"then {queue.get()} {queue.get()}")

    for name in "ab":
        gevent.spawn(getter, queue, name)
    gevent.sleep(0)
    queue.put(2)
    queue.put(1)
    gevent.sleep(0)
