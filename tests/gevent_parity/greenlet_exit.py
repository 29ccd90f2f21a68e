"""A greenlet that ends with GreenletExit has succeeded, wherever it was raised."""

import gevent

from common import flag, name


def raises():
    raise gevent.GreenletExit


def sleeps():
    gevent.sleep(100)


greenlets = [gevent.spawn(raises), gevent.spawn(sleeps)]
gevent.sleep(0)
greenlets[1].kill()
for g in greenlets:
    print(f"{flag(g.successful())}: {name(g.get())}, exception: {flag(g.exception)}")
