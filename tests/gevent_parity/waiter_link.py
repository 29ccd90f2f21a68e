"""A Waiter may be linked to a greenlet: it gets the greenlet's value, or its exception."""

import gevent
from gevent.hub import Waiter

from common import name, report_errors

report_errors()


def fails():
    raise ValueError("greenlet")


for run in (lambda: "value"), fails:
    waiter = Waiter()
    g = gevent.spawn(run)
    g.rawlink(waiter)
    try:
        print(waiter.get())
    except ValueError as error:
        print(f"{name(error)} {error}")
