"""The value of a Waiter, before and after clear."""

import gevent
from gevent.hub import Waiter

from common import flag, name


def show(label, waiter):
    info = waiter.exc_info
    held = f"{name(info[0])} {info[0]}" if info else "None"
    print(f"{label}: ready={flag(waiter.ready())} successful={flag(waiter.successful())} value={waiter.value} {held}")


waiter = Waiter()
show("new", waiter)
waiter.switch(1)
show("switched", waiter)
waiter.switch(2)
show("switched again", waiter)
print(waiter.get(), waiter.get())
show("got", waiter)
waiter.clear()
show("cleared", waiter)
waiter.throw(ValueError("thrown"))
show("thrown", waiter)
try:
    waiter.get()
except ValueError as error:
    print("get:", error)
waiter.clear()

pair = Waiter()
timer = gevent.get_hub().loop.timer(0.001)
timer.start(pair.switch_args, 1, "two")
print(*pair.get())
show("empty again", waiter)
