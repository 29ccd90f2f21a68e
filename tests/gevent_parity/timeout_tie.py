"""A greenlet ends in the iteration in which the time is over: it is ready, but its waiter was not woken in time."""

import gevent

from common import flag

loop = gevent.get_hub().loop


def due():
    """A greenlet whose sleep will be over together with a timeout of 0.001 s that is started now."""

    def busy():
        busy_until = loop.now() + 0.02
        while loop.now() < busy_until:
            loop.update_now()

    g = gevent.spawn(gevent.sleep, 0.001)
    gevent.sleep(0)
    loop.run_callback(busy)
    return g


g = due()
print(f"wait: {len(gevent.wait([g], timeout=0.001))}, ready: {flag(g.ready())}")
g = due()
print(f"joinall: {len(gevent.joinall([g], timeout=0.001))}, ready: {flag(g.ready())}")
g = due()
g.join(timeout=0.001)
print(f"join: ready: {flag(g.ready())}")
g = due()
with gevent.Timeout(0.001, False):
    g.join()
    print("never printed")
print(f"timeout: ready: {flag(g.ready())}")
