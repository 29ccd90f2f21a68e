"""Greenlets are killed at a channel, also when the other end is there already."""

import gevent
from gevent.queue import Channel

channel = Channel()


def getter(name):
    try:
        print(f"{name} got {channel.get()}")
    except gevent.GreenletExit:
        print(f"{name} is killed")


def putter(name):
    try:
        channel.put(name)
        print(f"{name} is put")
    except gevent.GreenletExit:
        print(f"{name} is killed")


a, b = gevent.spawn(getter, "a"), gevent.spawn(getter, "b")
gevent.sleep(0)
a.kill(block=False)
c = gevent.spawn(putter, "c")
gevent.sleep(0)
print(f"balance {channel.balance}")

d, e = gevent.spawn(putter, "d"), gevent.spawn(putter, "e")
gevent.sleep(0)
f = gevent.spawn(getter, "f")
d.kill(block=False)
gevent.sleep(0)
gevent.sleep(0)
print(f"balance {channel.balance}")
e.kill()
f.kill()
print(f"balance {channel.balance}")
