"""Waits whose time is over, and the greenlets behind them in the line."""

import gevent
from gevent.queue import Empty, Full, Queue

queue = Queue(1)


def getter(name, timeout):
    try:
        print(f"{name} got {queue.get(timeout=timeout)}")
    except Empty:
        print(f"{name}: Empty")


def putter(name, timeout):
    try:
        queue.put(name, timeout=timeout)
        print(f"{name} is put")
    except Full:
        print(f"{name}: Full")


gs = [gevent.spawn(getter, *a) for a in (("a", 0.03), ("b", None), ("c", 0))]
gevent.joinall([gs[0], gs[2]])
queue.put(1)
gevent.joinall(gs)

queue.put(2)
gs = [gevent.spawn(putter, *a) for a in (("d", 0.03), ("e", None), ("f", 0))]
gevent.joinall([gs[0], gs[2]])
print(f"size {queue.qsize()}, got {queue.get()}")
gevent.joinall(gs)
print(f"size {queue.qsize()}, got {queue.get()}")
