"""The results of get and wait when the time is over."""

import gevent
from gevent.event import AsyncResult

from common import flag

result = AsyncResult()
for get in (lambda: result.get(timeout=0.001), lambda: result.get(block=False), result.get_nowait):
    try:
        get()
    except gevent.Timeout as timeout:
        print(f"Timeout, seconds: {timeout.seconds}")
print(f"wait: {result.wait(0.001)}")
print(f"with_timeout: {gevent.with_timeout(0.001, result.get, timeout_value='instead')}")
outer = gevent.Timeout.start_new(0.001)
try:
    result.get(timeout=100)
except gevent.Timeout as timeout:
    print(f"outer: {flag(timeout is outer)}")
print(f"cancel: {flag(result.cancel())}, cancelled: {flag(result.cancelled())}, done: {flag(result.done())}")
print(f"linked: {result.linkcount()}")
