"""A timeout that a callback starts is thrown in the hub, which reports it."""

import gevent

from common import flag, report_errors

report_errors()
timeouts = []


def callback():
    timeouts.append(gevent.Timeout.start_new(0.001))
    print(f"pending: {flag(timeouts[0].pending)}")


gevent.get_hub().loop.run_callback(callback)
gevent.sleep(0.05)
print(f"pending: {flag(timeouts[0].pending)}")
gevent.spawn(print, "the hub goes on").join()
