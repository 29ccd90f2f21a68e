"""Greenlets begin in the order in which they were spawned, and not before the spawner blocks."""

import gevent


def worker(name):
    print(f"{name} begins")


a = gevent.spawn(worker, "a")
b = gevent.spawn(worker, "b")
c = gevent.Greenlet(worker, "c")
d = gevent.spawn(worker, "d")
c.start()
c.start()
print("main blocks")
gevent.joinall([d, c, b, a])
print("main goes on")
