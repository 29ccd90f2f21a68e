"""Only one greenlet may wait in a Waiter; the first is not disturbed by the second."""

import gevent
from gevent.exceptions import ConcurrentObjectUseError
from gevent.hub import Waiter

from common import name

waiter = Waiter()


def getter(label):
    try:
        print(f"{label} gets {waiter.get()}")
    except ConcurrentObjectUseError as error:
        print(f"{label}: {name(error)}")


greenlets = [gevent.spawn(getter, label) for label in "abc"]
gevent.sleep(0)
gevent.get_hub().loop.run_callback(waiter.switch, "value")
gevent.joinall(greenlets)
