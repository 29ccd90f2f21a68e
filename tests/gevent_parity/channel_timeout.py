"""Waits at a channel with a time limit that is over, and without time."""

import gevent
from gevent.queue import Channel, Empty, Full

channel = Channel()


def get(name, **kwargs):
    try:
        print(f"{name} got {channel.get(**kwargs)}")
    except Empty:
        print(f"{name}: Empty")


def put(name, **kwargs):
    try:
        channel.put(name, **kwargs)
        print(f"{name} is put")
    except Full:
        print(f"{name}: Full")


get("a", timeout=0.01)
put("b", timeout=0.01)
get("c", block=False)
put("d", block=False)
gevent.spawn(get, "e")
put("f", block=False)  # e can run before it gives up
gevent.spawn(put, "g")
get("h", block=False)
gevent.sleep(0)

gs = [gevent.spawn(put, "i", timeout=0.02), gevent.spawn(put, "j")]
gs[0].join()
get("k")
gs = [gevent.spawn(get, "l", timeout=0.02), gevent.spawn(get, "m")]
gs[0].join()
put("n")
gevent.joinall(gs)
