"""with_timeout returns the function's value, raises its error, or returns the given value."""

import gevent

from common import flag


def sleeper(seconds):
    gevent.sleep(seconds)
    return "slept"


def fails():
    raise ValueError("its own error")


print(gevent.with_timeout(100, sleeper, 0, timeout_value="timed out"))
print(gevent.with_timeout(0.001, sleeper, 100, timeout_value="timed out"))
try:
    gevent.with_timeout(100, fails, timeout_value="timed out")
except ValueError as error:
    print(error)
outer = gevent.Timeout.start_new(0.001)
try:
    gevent.with_timeout(100, sleeper, 100, timeout_value="timed out")
except gevent.Timeout as error:
    print(f"the outer's: {flag(error is outer)}")
print(
    gevent.with_timeout(
        0.001, lambda: gevent.with_timeout(100, sleeper, 100, timeout_value="inner"), timeout_value="outer"
    )
)
