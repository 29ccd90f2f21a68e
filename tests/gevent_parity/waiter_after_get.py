"""A Waiter wakes a greenlet in get at once; such a value is not kept."""

import gevent
from gevent.hub import Waiter

from common import flag, name

loop = gevent.get_hub().loop
waiter = Waiter()


def getter(label):
    try:
        print(f"{label} gets {waiter.get()}")
    except ValueError as error:
        print(f"{label}: {name(error)} {error}")


def switch():
    print("before the switch")
    waiter.switch("value")
    print(f"after the switch, ready={flag(waiter.ready())}")


def throw():
    print("before the throw")
    waiter.throw(ValueError("thrown"))
    print(f"after the throw, ready={flag(waiter.ready())}")


a = gevent.spawn(getter, "a")
loop.run_callback(switch)
a.join()
b = gevent.spawn(getter, "b")
loop.run_callback(throw)
b.join()
loop.run_callback(waiter.switch, "kept")
gevent.sleep(0)
getter("main")
