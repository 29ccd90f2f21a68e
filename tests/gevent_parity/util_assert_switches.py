"""What assert_switches wants, with and without a time."""

import time

import gevent
from gevent.util import assert_switches

from common import name


def check(what, function, *args, **kwargs):
    try:
        with assert_switches(*args, **kwargs):
            function()
        print(f"{what}: fine")
    except AssertionError as error:
        print(f"{what}: {str(error).split(' in ')[0]}")


def fail():
    raise ValueError("mine")


check("nothing", lambda: None)
check("a sleep of 0", lambda: gevent.sleep(0))
check("a sleep of the thread", lambda: time.sleep(0.001))
check("a join", lambda: gevent.spawn(lambda: None).join())
check("nothing for a minute", lambda: None, max_blocking_time=60)
check("0 is no time", lambda: None, max_blocking_time=0)
check("too long", lambda: time.sleep(0.05), max_blocking_time=0.001)
check("too long before a switch", lambda: (time.sleep(0.05), gevent.sleep(0)), max_blocking_time=0.001)
check("too long in another greenlet", lambda: gevent.spawn(time.sleep, 0.05).join(), max_blocking_time=0.001)
check("the hub, without a time", lambda: None, hub_only=True)
check("the hub, never", lambda: None, max_blocking_time=60, hub_only=True)
check("the hub", lambda: gevent.sleep(0), max_blocking_time=60, hub_only=True)
check("the hub, long ago", lambda: (gevent.sleep(0), time.sleep(0.05)), max_blocking_time=0.001, hub_only=True)
try:
    check("an error", fail)
except ValueError as error:
    print(f"{name(error)}: {error}")
