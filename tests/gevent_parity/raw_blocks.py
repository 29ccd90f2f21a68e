"""A raw greenlet whose parent is main may block like any other; at its end main goes on, outside of the hub."""

import gevent
from gevent.exceptions import LoopExit
from greenlet import greenlet

from common import name

hub = gevent.get_hub()


def child():
    print("child begins")
    gevent.sleep(0.001)
    print("child goes on")
    return "child's value"


def parks():
    hub.switch()


gevent.spawn(print, "spawned before")
print(greenlet(child).switch())
g = greenlet(parks)
try:
    g.switch()
except LoopExit as error:
    print(f"main: {name(error)}")
hub.loop.run_callback(print, "callback")
g.throw()
print("main goes on")
gevent.sleep(0)
