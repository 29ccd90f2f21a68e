"""A waiter that is killed, before the event is set or after, leaves no link, and the others are woken."""

import gevent
from gevent.event import Event

from common import name

event = Event()


def waiter(who):
    try:
        event.wait()
    except gevent.GreenletExit as error:
        print(f"{who}: {name(error)}")
    else:
        print(f"{who}: woken")


greenlets = [gevent.spawn(waiter, i) for i in range(4)]
gevent.sleep(0)
greenlets[1].kill()
print(f"linked: {event.linkcount()}")
greenlets[0].kill(block=False)
event.set()
greenlets[3].kill(block=False)
gevent.joinall(greenlets)
print(f"linked: {event.linkcount()}")
