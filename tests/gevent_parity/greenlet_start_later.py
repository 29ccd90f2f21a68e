"""Timed starts: in the order of their times, and only the first start of a greenlet counts."""

import gevent

from common import flag


def worker(name):
    print(f"{name} begins")


a = gevent.spawn_later(0.05, worker, "a")
b = gevent.spawn_later(0.02, worker, "b")
c = gevent.Greenlet(worker, "c")
c.start_later(0.08)
c.start()
c.start_later(0)
d = gevent.spawn_later(0, worker, "d")
e = gevent.spawn(worker, "e")
f = gevent.spawn_later(0.03, worker, "f")
f.kill()
print(f"started: {flag(a.started)} {flag(c.started)} {flag(f.started)}")
gevent.joinall([a, b, c, d, e, f])
