"""Greenlets are killed while they wait, also when their turn has come already."""

import gevent
from gevent.queue import Queue

queue = Queue(1)


def getter(name):
    try:
        print(f"{name} got {queue.get()}")
    except gevent.GreenletExit:
        print(f"{name} is killed")


def putter(name):
    try:
        queue.put(name)
        print(f"{name} is put")
    except gevent.GreenletExit:
        print(f"{name} is killed")


gs = [gevent.spawn(getter, name) for name in "abc"]
gevent.sleep(0)
gs[0].kill(block=False)  # before the put, so before the getters are woken
queue.put(1)
gevent.sleep(0)
queue.put(2)
gs[2].kill(block=False)  # after the put, so after they are woken
gevent.sleep(0)
print(f"size {queue.qsize()}")

ps = [gevent.spawn(putter, name) for name in "def"]
gevent.sleep(0)
ps[1].kill(block=False)
print(f"got {queue.get()}")
gevent.sleep(0)
print(f"got {queue.get()}, size {queue.qsize()}")
