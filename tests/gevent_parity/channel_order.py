"""The getter goes on before the putter, also with many of both."""

import gevent
from gevent.queue import Channel

channel = Channel()


def putter(name):
    for i in range(2):
        channel.put(f"{name}{i}")
        print(f"{name} has put {i}")


def getter(name):
    for _ in range(3):
        print(f"{name} got {channel.get()}")


for name in "xyz":
    gevent.spawn(putter, name)
gevent.sleep(0)
print(f"balance {channel.balance}")
for name in "ab":
    gevent.spawn(getter, name)
gevent.sleep(0)
print(f"balance {channel.balance}")
gevent.sleep(0)
gevent.spawn(getter, "c")
gevent.sleep(0)
print(f"balance {channel.balance}")
