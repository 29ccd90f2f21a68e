"""A timeout of None never comes."""

import gevent

from common import flag

timeout = gevent.Timeout.start_new(None)
print(f"pending: {flag(timeout.pending)}, seconds: {timeout.seconds}")
gevent.sleep(0.001)
timeout.start()
timeout.cancel()
with gevent.Timeout(None, False):
    gevent.sleep(0.001)
    print("in time")
print(gevent.with_timeout(None, lambda: "value", timeout_value="timed out"))
