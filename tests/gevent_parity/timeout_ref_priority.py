"""A timeout without ref does not keep the loop running; one of a higher priority comes before events."""

import gevent
from gevent.exceptions import LoopExit
from gevent.hub import Waiter

from common import flag, name

hub = gevent.get_hub()
timeout = gevent.Timeout(100, ref=False)
timeout.start()
print(f"hub.join: {flag(hub.join())}, pending: {flag(timeout.pending)}")
try:
    Waiter().get()
except LoopExit as error:
    print(name(error))
timeout.close()

for priority in -2, 2:
    waiter = Waiter()
    timer = hub.loop.timer(0)
    timer.start(waiter.switch, "in time")
    timeout = gevent.Timeout(0, priority=priority)
    timeout.start()
    try:
        print(f"{priority}: {waiter.get()}")
    except gevent.Timeout as error:
        print(f"{priority}: timed out")
    timeout.close()
    timer.stop()
