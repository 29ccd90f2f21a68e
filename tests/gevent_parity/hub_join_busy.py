"""join with a time limit returns although there is always something to do; callbacks count as work."""

import gevent

from common import flag

hub = gevent.get_hub()


def busy():
    while not stop:
        gevent.sleep(0)
    print("busy no more")


stop = []
g = gevent.spawn(busy)
print("joined:", flag(hub.join(timeout=0.001)))
print("joined:", flag(hub.join(timeout=0)))
stop.append(True)
print("joined:", flag(hub.join(timeout=10)))
hub.loop.run_callback(print, "a callback")
print("joined:", flag(hub.join()))
timer = hub.loop.timer(0.001)
timer.start(print, "a timer")
print("joined:", flag(hub.join()))
unref = hub.loop.timer(100, ref=False)
unref.start(print, "never")
print("joined:", flag(hub.join()))
print("nothing to do:", flag(hub.join(timeout=0)))
