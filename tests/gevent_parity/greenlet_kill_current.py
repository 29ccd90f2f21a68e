"""A greenlet kills the current greenlet, which it is itself; main and raw greenlets are no Greenlets."""

import gevent
from gevent import getcurrent

from common import flag, name


def is_greenlet(g):
    return flag(isinstance(g, gevent.Greenlet))


def worker():
    this = getcurrent()
    print(f"{this.name} is a greenlet: {is_greenlet(this)}")
    try:
        this.kill()
        print("not reached")
    finally:
        print(f"{this.name} cleans up, current: {flag(getcurrent() is this)}")


def killed_later():
    gevent.kill(getcurrent(), ValueError("later"))
    print("goes on")
    try:
        gevent.sleep(100)
    except ValueError as error:
        print(f"gets {name(error)}: {error}")
    getcurrent().link(lambda g: print(f"{g.name} has ended, linked by itself"))
    return getcurrent().name


def raw():
    print(f"raw: {is_greenlet(getcurrent())}")


a, b = gevent.spawn(worker), gevent.spawn(killed_later)
a.name, b.name = "a", "b"
gevent.spawn_raw(raw)
gevent.get_hub().loop.run_callback(lambda: print(f"hub: {is_greenlet(getcurrent())}"))
gevent.joinall([a, b])
gevent.sleep(0)
print(f"main: {is_greenlet(getcurrent())}")
print(f"{flag(a.dead)} {flag(a.successful())} {b.value}")
