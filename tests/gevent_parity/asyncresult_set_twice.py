"""A result may be set again: the value counts before the exception, the last value before the first."""

import gevent
from gevent.event import AsyncResult

from common import flag, name


def state(result):
    try:
        got = result.get_nowait()
    except ValueError as error:
        got = name(error)
    has_exception = result.exception is not None
    print(f"get: {got}, successful: {flag(result.successful())}, exception: {flag(has_exception)}")


result = AsyncResult()
result.set_exception(ValueError("first"))
state(result)
result.set(1)
state(result)
result.set(2)
state(result)
result.set_exception(ValueError("second"))
state(result)

second = AsyncResult()


def getter(who):
    got = second.get()
    print(f"getter {who}: {got}")
    second.set(got + 1)


greenlets = [gevent.spawn(getter, i) for i in range(3)]
gevent.sleep(0)
second.set(10)
gevent.joinall(greenlets)
state(second)
