"""Greenlets that peek, among others that get."""

import gevent
from gevent.queue import Empty, Queue

queue = Queue()


def run(name, method):
    print(f"{name} has {method()}")


gevent.spawn(run, "peek 1", queue.peek)
gevent.spawn(run, "get", queue.get)
gevent.spawn(run, "peek 2", queue.peek)
gevent.sleep(0)
queue.put("x")
gevent.sleep(0)
queue.put("y")
gevent.sleep(0)
print(f"left {queue.peek_nowait()}, size {queue.qsize()}")
queue.get()
try:
    queue.peek_nowait()
except Empty:
    print("Empty")
