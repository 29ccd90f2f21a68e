"""All getters get the value, in their order; those that come later get it at once."""

import gevent
from gevent.event import AsyncResult

from common import flag

result = AsyncResult()


def getter(name):
    print(f"{name}: {result.get()}")


def waiter(name):
    print(f"{name}: {result.wait()}")


greenlets = [gevent.spawn(getter, "get 0"), gevent.spawn(waiter, "wait 1"), gevent.spawn(getter, "get 2")]
gevent.sleep(0)
print(f"linked: {result.linkcount()}, ready: {flag(result.ready())}")
result.set("value")
print(f"ready: {flag(result.ready())}, successful: {flag(result.successful())}, value: {result.value}")
getter("main, at once")
waiter("main, in its turn")
gevent.joinall(greenlets)
print(f"linked: {result.linkcount()}")
