"""with Timeout(..), and with_timeout without a value, raise; the timeout is closed either way."""

import gevent
from gevent import Timeout

from common import flag

timeout = Timeout(0.001)
try:
    with timeout:
        gevent.sleep(10)
    print("not reached")
except Timeout as error:
    print("own" if error is timeout else "other", flag(timeout.pending))

timeout = Timeout(100)
with timeout:
    gevent.sleep(0)
    print("inside", flag(timeout.pending))
print("after", flag(timeout.pending))

timeout = Timeout(100)
try:
    with timeout:
        raise ValueError("of the function")
except ValueError as error:
    print(error, flag(timeout.pending))

try:
    gevent.with_timeout(0.001, gevent.sleep, 10)
except Timeout as error:
    print("with_timeout:", error)

outer = Timeout(0.001)
try:
    with outer:
        print(gevent.with_timeout(10, gevent.sleep, 20, timeout_value="inner"))
except Timeout as error:
    print("outer" if error is outer else "inner")

started = Timeout.start_new(0.001)
try:
    with started:
        gevent.sleep(10)
except Timeout as error:
    print("started before:", "own" if error is started else "other")
