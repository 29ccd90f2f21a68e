"""A kill with an error: it can be caught; uncaught it is the greenlet's error, and reported."""

import gevent

from common import flag, report_errors

report_errors()


def catches():
    try:
        gevent.sleep(100)
    except ValueError as error:
        print("caught", error)
        return "good"


def lets_go():
    gevent.sleep(100)


def states(g):
    print(f"successful={flag(g.successful())} value={g.value} exception={g.exception}")


a, b = gevent.spawn(catches), gevent.spawn(lets_go)
gevent.sleep(0)
gevent.killall([a, b], exception=ValueError("told to go"))
states(a)
states(b)
c = gevent.spawn(lets_go)
c.link_exception(lambda g: print("link_exception", g.exception))
c.link_value(lambda g: print("link_value", g.value))
c.kill(ValueError("never began"))
states(c)
gevent.sleep(0)
