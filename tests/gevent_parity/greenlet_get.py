"""get returns the same value each time, and raises Timeout if it may not wait, or not that long."""

import gevent

from common import flag, name


def worker():
    gevent.sleep(0.3)
    return "value"


def try_get(g, **arguments):
    try:
        return g.get(**arguments)
    except gevent.Timeout as error:
        return name(error)


g = gevent.Greenlet(worker)
print(try_get(g, block=False))
g.start()
print(try_get(g, block=False))
print(try_get(g, timeout=0))
print(try_get(g, timeout=0.001))
print(f"ready: {flag(g.ready())}, has links: {flag(g.has_links())}")
print(try_get(g, timeout=100))
print(try_get(g, block=False))
print(try_get(g))
