"""A time of zero is over when the loop next looks; a greenlet that does not block is in time."""

import gevent

from common import flag

timeout = gevent.Timeout.start_new(0)
print(f"pending: {flag(timeout.pending)}")
timeout.close()

timeout = gevent.Timeout.start_new(0)
try:
    for i in range(3):
        gevent.sleep(0)
        print(f"sleep(0) {i}")
    gevent.sleep(10)
    print("never printed")
except gevent.Timeout as error:
    print(f"it came: {flag(error is timeout)}")
