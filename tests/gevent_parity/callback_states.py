"""A queued callback is pending until it is entered, and true until it has returned; it may be stopped."""

import gevent

from common import flag

loop = gevent.get_hub().loop


def show(when, callback):
    print(f"{when}: pending={flag(callback.pending)} true={flag(callback)}")


def runs():
    show("running", a)
    b.stop()
    c.stop()
    c.stop()


a = loop.run_callback(runs)
b = loop.run_callback(print, "b is never printed")
show("queued", a)
c = loop.run_callback(print, "c is never printed")
d = loop.run_callback(print, "d")
gevent.sleep(0)
show("over", a)
show("stopped", b)
a.stop()
show("stopped when it was over", a)
