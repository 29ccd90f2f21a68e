"""throw switches at once; a greenlet that throws is not scheduled again, so here a callback of the hub throws."""

import gevent

from common import flag, report_errors

report_errors()
loop = gevent.get_hub().loop


def worker(name):
    try:
        gevent.sleep(100)
    except ValueError as error:
        print(f"{name} gets {error}")
    gevent.sleep(0)
    print(f"{name} ends")


def thrower(g, error):
    print("before the throw")
    g.throw(error)
    print("after the throw")


a, b = gevent.spawn(worker, "a"), gevent.spawn(worker, "b")
gevent.sleep(0)
loop.run_callback(thrower, a, ValueError("caught"))
loop.run_callback(thrower, b, KeyError("not caught"))
loop.run_callback(print, "callback after them")
gevent.joinall([a, b])
print(f"{flag(a.successful())} {flag(b.successful())}")
