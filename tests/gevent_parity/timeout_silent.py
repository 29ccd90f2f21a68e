"""A silent timeout ends its block without an error; another timeout passes through it."""

import gevent

from common import flag

with gevent.Timeout(0.001, False):
    gevent.sleep(100)
    print("never printed")
print("after the silent block")

with gevent.Timeout(100, False):
    gevent.sleep(0)
    print("in time")

outer = gevent.Timeout.start_new(0.001)
try:
    with gevent.Timeout(100, False):
        gevent.sleep(100)
except gevent.Timeout as error:
    print(f"the outer's: {flag(error is outer)}")

try:
    with gevent.Timeout(100, False):
        raise ValueError("its own error")
except ValueError as error:
    print(error)
