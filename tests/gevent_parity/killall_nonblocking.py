"""killall that does not block, and killall without a greenlet that is left to kill."""

import gevent

from common import flag


def worker(name):
    try:
        gevent.sleep(100)
    finally:
        print(f"{name} ends")


greenlets = [gevent.spawn(worker, name) for name in "abc"]
gevent.sleep(0)
gevent.killall(greenlets, block=False)
print("not yet: " + " ".join(flag(g.dead) for g in greenlets))
gevent.sleep(0)
print("now: " + " ".join(flag(g.dead) for g in greenlets))

gevent.spawn(print, "another greenlet")
gevent.killall([])
print("killed nobody")
gevent.killall(greenlets)
print("killed those who were dead")
gevent.killall([gevent.spawn(worker, "d"), gevent.Greenlet(worker, "e")])
print("killed those who had not begun")
gevent.sleep(0)
