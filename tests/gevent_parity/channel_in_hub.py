"""A channel used in the hub, where nothing can wait."""

import gevent
from gevent.queue import Channel, Full

loop = gevent.get_hub().loop
channel = Channel()


def put(item):
    try:
        channel.put_nowait(item)
        print(f"hub has put {item}")
    except Full:
        print(f"hub: {item} Full")


def getter(name):
    print(f"{name} got {channel.get()}")


def putter(name):
    channel.put(name)
    print(f"{name} is put")


gevent.spawn(getter, "a")
gevent.sleep(0)
loop.run_callback(put, 1)
loop.run_callback(put, 2)
gevent.sleep(0)

gevent.spawn(putter, "b")
gevent.sleep(0)
loop.run_callback(lambda: print(f"hub got {channel.get_nowait()}"))
loop.run_callback(print, "callback")
gevent.sleep(0)
