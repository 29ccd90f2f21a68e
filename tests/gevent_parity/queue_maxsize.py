"""Greenlets that wait for space put in the order in which they came; the limits None and 0."""

import warnings

import gevent
from gevent.queue import Queue

from common import flag

warnings.simplefilter("ignore")
queue = Queue(2)


def putter(name):
    for i in range(2):
        queue.put(f"{name}{i}")
        print(f"{name} has put {i}, size {queue.qsize()}")


for name in "abc":
    gevent.spawn(putter, name)
gevent.sleep(0)
print(f"full {flag(queue.full())}, maxsize {queue.maxsize}")
for _ in range(6):
    print(f"got {queue.get()}")
    gevent.sleep(0)
print(f"empty {flag(queue.empty())}")

for size in (None, 0, 1):
    queue = Queue(size)
    queue.put(1)
    print(f"{size}: maxsize {queue.maxsize}, full {flag(queue.full())}")
