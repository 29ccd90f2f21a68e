"""A timeout that exists is given to start_new and with_timeout, which start it unless it is running."""

import gevent

from common import flag, name


def sleeper(seconds):
    gevent.sleep(seconds)
    return "slept"


# start_new returns the timeout that it is given, started.
timeout = gevent.Timeout(0.001)
print(f"the same: {flag(gevent.Timeout.start_new(timeout) is timeout)}, pending: {flag(timeout.pending)}")
try:
    gevent.sleep(100)
except gevent.Timeout as error:
    print(f"{error}, its own: {flag(error is timeout)}, pending: {flag(timeout.pending)}")
timeout = gevent.Timeout(0.001)
timeout.start()
gevent.Timeout.start_new(timeout)
print("a running one is not started again")
timeout.cancel()

# with_timeout uses it up and cancels it; it can be used again.
timeout = gevent.Timeout(0.001)
for _ in range(2):
    print(gevent.with_timeout(timeout, sleeper, 100, timeout_value="timed out"), flag(timeout.pending))
print(gevent.with_timeout(timeout, sleeper, 0, timeout_value="timed out"), flag(timeout.pending))

# One that runs already goes on, and is cancelled, too.
running = gevent.Timeout.start_new(0.001)
print(gevent.with_timeout(running, sleeper, 100, timeout_value="timed out"), flag(running.pending))
running = gevent.Timeout.start_new(100)
print(gevent.with_timeout(running, sleeper, 0, timeout_value="timed out"), flag(running.pending))

# The exception of a timeout that throws another one is not replaced by the value.
late = ValueError("late")
try:
    print(gevent.with_timeout(gevent.Timeout(0.001, late), sleeper, 100, timeout_value="timed out"))
except ValueError as error:
    print(f"{name(error)} {error}, the same: {flag(error is late)}")
print(gevent.with_timeout(gevent.Timeout(0.001, "with a text"), sleeper, 100, timeout_value="timed out"))
print(gevent.with_timeout(gevent.Timeout(None, late), sleeper, 0, timeout_value="timed out"))

# Timeouts are equal if they are the same.
print(flag(timeout == timeout), flag(timeout == gevent.Timeout(0.001)), flag(running in {timeout, running}))
