"""A MultipleWaiter loses no value, and returns them in their order."""

import gevent
from gevent._waiter import MultipleWaiter

loop = gevent.get_hub().loop
waiter = MultipleWaiter()


def get():
    value = waiter.get()
    # Without this, a value that came while nobody was in get has the next get but one fail.
    waiter.clear()
    return value


waiter.switch("one")
waiter.switch("two")
print(get())
loop.run_callback(waiter.switch, "three")
loop.run_callback(waiter.switch, "four")
print(get())
print(get())
print(get())
timer = loop.timer(0.001)
timer.start(waiter.switch, "five")
print(get())
