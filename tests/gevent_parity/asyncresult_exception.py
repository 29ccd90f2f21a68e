"""An exception is raised by every get, and the same one; wait returns nothing."""

import gevent
from gevent.event import AsyncResult

from common import flag, name

result = AsyncResult()
exception = ValueError("set")


def getter(who):
    try:
        result.get()
    except ValueError as error:
        print(f"{who}: {name(error)}, the same: {flag(error is exception)}")


greenlets = [gevent.spawn(getter, i) for i in range(2)]
gevent.sleep(0)
result.set_exception(exception)
print(f"ready: {flag(result.ready())}, successful: {flag(result.successful())}, value: {result.value}")
print(f"exception: {flag(result.exception is exception)}")
print(f"wait: {result.wait()}")
getter("main")
gevent.joinall(greenlets)
