"""A timeout may throw another exception instead of itself."""

import gevent

from common import flag, name

error = ValueError("late")
timeout = gevent.Timeout(0.001, error)
timeout.start()
try:
    gevent.sleep(100)
except ValueError as caught:
    print(f"{name(caught)} {caught}, the same: {flag(caught is error)}")
print(f"pending: {flag(timeout.pending)}")

try:
    with gevent.Timeout(0.001, KeyError("key")):
        gevent.sleep(100)
    print("never printed")
except KeyError as caught:
    print(name(caught))
