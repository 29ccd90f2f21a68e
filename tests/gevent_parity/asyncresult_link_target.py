"""A result can be linked to a greenlet, and to another result."""

import gevent
from gevent.event import AsyncResult

from common import flag, name, report_errors

report_errors()


def fails():
    raise ValueError("on purpose")


def show(which, result):
    try:
        print(f"{which}: {result.get(timeout=0.001)}")
    except ValueError as error:
        print(f"{which}: {name(error)}")
    except gevent.Timeout:
        print(f"{which}: not set")


for function in (lambda: 1, fails):
    g = gevent.spawn(function)
    all_, value, exception = AsyncResult(), AsyncResult(), AsyncResult()
    g.link(all_)
    g.link_value(value)
    g.link_exception(exception)
    show("link", all_)
    show("link_value", value)
    show("link_exception", exception)

first, second = AsyncResult(), AsyncResult()
first.rawlink(second)
first.set("passed on")
print(f"second is ready: {flag(second.ready())}")
show("second", second)
