"""assert_switches inside another one, and in several greenlets at a time."""

import gevent
from gevent.util import assert_switches
from greenlet import gettrace

from common import flag


def check(what, function):
    try:
        with assert_switches():
            function()
        print(f"{what}: fine")
    except AssertionError:
        print(f"{what}: no switch")


def inner_switches():
    check("inner, with a switch", lambda: gevent.sleep(0))


def inner_does_not():
    check("inner, without one", lambda: None)


def inner_after():
    gevent.sleep(0)
    check("inner, after one", lambda: None)


check("outer, with one in the inner", inner_switches)
check("outer, without one", inner_does_not)
check("outer, with one before the inner", inner_after)
print(f"traced: {flag(gettrace() is not None)}")

first = gevent.spawn(check, "first", lambda: (gevent.sleep(0), gevent.sleep(0)))
second = gevent.spawn(check, "second", lambda: None)
gevent.joinall([first, second])
