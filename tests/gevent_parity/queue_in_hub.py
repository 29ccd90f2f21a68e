"""Puts and gets in the hub, where nothing can wait."""

import gevent
from gevent.queue import Empty, Full, Queue

from common import flag

loop = gevent.get_hub().loop
queue = Queue(1)


def put(item):
    try:
        queue.put_nowait(item)
        print(f"hub has put {item}")
    except Full:
        print(f"hub: {item} Full")


def get():
    try:
        print(f"hub got {queue.get()}")
    except Empty:
        print("hub: Empty")


def putter(name):
    queue.put(name)
    print(f"{name} is put")


loop.run_callback(put, 1)
loop.run_callback(put, 2)
loop.run_callback(get)
loop.run_callback(get)
gevent.sleep(0)

g = gevent.spawn(lambda: print(f"g got {queue.get()}"))
gevent.sleep(0)
loop.run_callback(put, 3)
loop.run_callback(put, 4)
loop.run_callback(put, 5)
gevent.sleep(0)
print(f"size {queue.qsize()}, g {flag(g.ready())}")

gevent.spawn(putter, "p")
gevent.sleep(0)
loop.run_callback(get)
loop.run_callback(get)
loop.run_callback(get)
gevent.sleep(0)
print(f"size {queue.qsize()}")
