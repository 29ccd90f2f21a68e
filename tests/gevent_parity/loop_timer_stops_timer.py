"""A timer that is due, and stopped before its turn in the same iteration, does not fire."""

import gevent

from common import flag

loop = gevent.get_hub().loop


def fires():
    print(f"first fires, second pending: {flag(second.pending)}")
    second.stop()
    print(f"second pending: {flag(second.pending)}")
    loop.run_callback(print, "callback queued by the first")


first, second, third = loop.timer(0), loop.timer(0), loop.timer(0)
first.start(fires)
second.start(print, "never printed")
third.start(print, "third fires")
gevent.sleep(0.1)
print(f"active: {flag(first.active)} {flag(second.active)} {flag(third.active)}")
first.start(print, "first fires again")
gevent.sleep(0.1)
