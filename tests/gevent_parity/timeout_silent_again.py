"""A silent timeout is used round one step after another, with outer timeouts and errors among them."""

import gevent

from common import flag, name


def silent(timeout, function):
    with timeout:
        function()
        print("in time")
    print(f"went on, pending: {flag(timeout.pending)}")


def fails():
    raise KeyError("key")


for seconds in (0.001, 100):
    timeout = gevent.Timeout(seconds, False)
    silent(timeout, lambda: gevent.sleep(0.01 if seconds < 1 else 0))
try:
    silent(gevent.Timeout(100, False), fails)
except KeyError as error:
    print(name(error))
outer = gevent.Timeout.start_new(0.001)
try:
    silent(gevent.Timeout(100, False), lambda: gevent.sleep(100))
except gevent.Timeout as error:
    print(f"the outer's: {flag(error is outer)}")
inner = gevent.Timeout(0.001, False)
with gevent.Timeout(100) as outer:
    silent(inner, lambda: gevent.sleep(100))
    print(f"the outer runs: {flag(outer.pending)}")
# It has no effect when it was started before, and its time is over before it is used.
early = gevent.Timeout(0.001, False)
early.start()
try:
    gevent.sleep(100)
except gevent.Timeout as error:
    print(f"outside of with it is thrown: {flag(error is early)}")
