"""Puts and gets that are killed, or whose time is over, at the moment at which their turn comes."""

import re

import gevent
from gevent.queue import Empty, Full, Queue

from common import name


def call(who, method, *args, **kwargs):
    try:
        print(f"{who}: {method(*args, **kwargs) or 'done'}")
    except BaseException as error:
        print(f"{who}: {name(error)}")


def show(queue):
    waiting = re.findall(r"[gp]\w+\[\d+\]", repr(queue))
    print(" ".join([f"size {queue.qsize()}"] + waiting))


print("putters of a full queue: one in time, one not, one killed")
queue = Queue(1, ["x"])
putters = [
    gevent.spawn(call, "put a", queue.put, "a", timeout=100),
    gevent.spawn(call, "put b", queue.put, "b", timeout=0.01),
    gevent.spawn(call, "put c", queue.put, "c"),
    gevent.spawn(call, "put d", queue.put, "d"),
]
gevent.sleep(0)
show(queue)
gevent.sleep(0.04)
putters[2].kill()
show(queue)
print(queue.get())
show(queue)
gevent.sleep(0)
show(queue)
print(queue.get())
gevent.sleep(0)
print(queue.get())
gevent.joinall(putters)
show(queue)

print("getters of an empty queue, likewise")
getters = [
    gevent.spawn(call, "get 1", queue.get, timeout=100),
    gevent.spawn(call, "get 2", queue.get, timeout=0.01),
    gevent.spawn(call, "get 3", queue.get),
    gevent.spawn(call, "get 4", queue.get),
]
gevent.sleep(0.04)
getters[2].kill()
show(queue)
queue.put("e")
show(queue)
call("main", queue.put, "f", timeout=0.01)
show(queue)
gevent.joinall(getters[:3])
show(queue)
gevent.joinall(getters)
show(queue)

print("killed while an item is on its way: the next one gets it")
getters = [gevent.spawn(call, who, queue.get) for who in ("get 5", "get 6")]
gevent.sleep(0)
queue.put("h")
getters[0].kill(block=False)
gevent.sleep(0)
gevent.sleep(0)
show(queue)
call("main", queue.get, timeout=0)
queue.put("i")
gevent.joinall(getters)
show(queue)

print("killed before it")
getters = [gevent.spawn(call, who, queue.get) for who in ("get 7", "get 8")]
gevent.sleep(0)
getters[0].kill(block=False)
queue.put("j")
gevent.joinall(getters)
show(queue)

print("no time at all")
call("get", queue.get, timeout=0)
gevent.spawn(queue.put, "k")
call("get", queue.get, timeout=0)
call("put", queue.put, "l", timeout=0)
gevent.spawn(queue.get)
call("put", queue.put, "m", timeout=0)
show(queue)
