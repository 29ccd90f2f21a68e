"""The error of a raw greenlet that a Waiter has woken goes to the hub; the waking code goes on."""

import gevent
from gevent.hub import Waiter

from common import report_errors

report_errors()
waiter = Waiter()


def getter():
    print(f"gets {waiter.get()}")
    raise ValueError("getter")


def switch():
    waiter.switch("value")
    print("after the switch")


gevent.spawn_raw(getter)
gevent.sleep(0)
gevent.get_hub().loop.run_callback(switch)
gevent.sleep(0)
