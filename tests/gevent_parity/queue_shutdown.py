"""A queue is shut down while greenlets wait at both ends."""

import gevent
from gevent.queue import Queue, ShutDown

from common import flag


def call(name, method, *args):
    try:
        print(f"{name}: {method(*args) or 'done'}")
    except ShutDown:
        print(f"{name}: ShutDown")


for immediate in (False, True):
    print(f"immediate {flag(immediate)}")
    queue = Queue(1)
    for name in ("get 1", "get 2"):
        gevent.spawn(call, name, queue.get)
    gevent.spawn(call, "join", queue.join)
    gevent.sleep(0)
    queue.shutdown(immediate)
    print("shut down")
    gevent.sleep(0)

    queue = Queue(1, ["x"])
    for name in ("put 1", "put 2"):
        gevent.spawn(call, name, queue.put, name)
    gevent.spawn(call, "join", queue.join, 0.03)
    gevent.sleep(0)
    queue.shutdown(immediate)
    print(f"size {queue.qsize()}, unfinished {queue.unfinished_tasks}")
    gevent.sleep(0)
    call("put", queue.put, "y")
    call("put_nowait", queue.put_nowait, "y")
    call("get", queue.get)
    call("get", queue.get)
    call("get_nowait", queue.get_nowait)
    call("peek", queue.peek)
    gevent.sleep(0.06)
