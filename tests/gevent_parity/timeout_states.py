"""The times at which a timeout is pending; it can be cancelled and started again any number of times."""

import gevent

from common import flag

timeout = gevent.Timeout(0.01)
print(f"made: {flag(timeout.pending)}")
timeout.cancel()
timeout.start()
print(f"started: {flag(timeout.pending)}")
try:
    timeout.start()
except AssertionError:
    print("started already")
timeout.cancel()
print(f"cancelled: {flag(timeout.pending)}")
gevent.sleep(0.02)
timeout.start()
try:
    gevent.sleep(100)
except gevent.Timeout as error:
    print(f"came: {flag(error is timeout)}, {flag(timeout.pending)}")
timeout.start()
try:
    gevent.sleep(100)
except gevent.Timeout as error:
    print(f"came again: {flag(error is timeout)}")
timeout.close()
timeout.close()
print(f"closed: {flag(timeout.pending)}")
