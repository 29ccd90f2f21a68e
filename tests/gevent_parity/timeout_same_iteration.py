"""Events in the same iteration as the timeout are in time, even if the timeout was started first."""

import gevent
from gevent.hub import Waiter

from common import flag

loop = gevent.get_hub().loop


def waits(start_first):
    waiter = Waiter()
    timer = loop.timer(0.001)
    timeout = gevent.Timeout(0.001)
    steps = [lambda: timeout.start(), lambda: timer.start(waiter.switch, "in time")]
    for step in steps if start_first else reversed(steps):
        step()
    # Both are due when the loop looks next.
    busy_until = loop.now() + 0.01
    while loop.now() < busy_until:
        loop.update_now()
    try:
        print(waiter.get())
    except gevent.Timeout:
        print("timed out")
    print(f"pending: {flag(timeout.pending)}")
    timeout.close()


waits(True)
waits(False)
