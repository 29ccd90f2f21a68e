"""A greenlet that is killed, or gets a timeout, in wait leaves no link behind."""

import gevent

from common import flag


def waits():
    try:
        gevent.wait(greenlets)
    finally:
        print("the wait is over")


greenlets = [gevent.spawn(gevent.sleep, 100) for _ in range(2)]
waiter = gevent.spawn(waits)
gevent.sleep(0)
print(" ".join(flag(g.has_links()) for g in greenlets))
waiter.kill()
print(" ".join(flag(g.has_links()) for g in greenlets))
with gevent.Timeout(0.001, False):
    waits()
print(" ".join(flag(g.has_links()) for g in greenlets))
gevent.killall(greenlets)
