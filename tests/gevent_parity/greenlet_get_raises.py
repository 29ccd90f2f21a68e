"""get raises the exception with which the greenlet has ended, the same object for each caller."""

import gevent

from common import flag, name, report_errors

report_errors()


def fails():
    gevent.sleep(0)
    raise ValueError("greenlet")


def getter(label, g):
    try:
        g.get()
    except ValueError as error:
        print(f"{label}: {name(error)}, the same: {flag(error is g.exception)}")


g = gevent.spawn(fails)
getters = [gevent.spawn(getter, label, g) for label in "ab"]
gevent.joinall(getters)
getter("late", g)
