"""What a MultipleWaiter has from Waiter: each value only leaves a mark, and an exception waits for the values."""

import gevent
from gevent._waiter import MultipleWaiter

from common import flag, name


def show(when):
    error = waiter.exc_info and name(waiter.exc_info[0])
    print(f"{when}: ready={flag(waiter.ready())} successful={flag(waiter.successful())} exc_info={error}")


def get():
    try:
        return waiter.get()
    except ValueError as error:
        return f"{name(error)}: {error}"


waiter = MultipleWaiter()
show("new")
waiter.switch("one")
show("switch")
waiter.throw(ValueError("a"))
show("throw")
print(get())
print(get())
print(get())
show("the exception stays")
waiter.switch("two")
show("and is replaced")
print(get())
show("the mark stays")
waiter.switch("three")
waiter.clear()
show("cleared")
print(get())
waiter.switch_args("four", "five")
print(" ".join(get()))
waiter.clear()
gevent.get_hub().loop.run_callback(waiter.throw, ValueError("b"))
print(get())
show("thrown into")
gevent.get_hub().loop.run_callback(waiter.switch, "six")
print(get())
show("woken")
g = gevent.spawn(lambda: "seven")
g.rawlink(waiter)
print(get())
