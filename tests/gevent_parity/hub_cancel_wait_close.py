"""cancel_wait may close the watcher: before the waiter is woken, or at once without a waiter."""

import gevent

from common import flag, name

hub = gevent.get_hub()


def waits(watcher):
    try:
        hub.wait(watcher)
        print("fired")
    except ValueError as error:
        print(f"{name(error)} {error}")


idle = hub.loop.timer(100)
hub.cancel_wait(idle, ValueError("nobody"), True)
print(flag(idle.active))

waited = hub.loop.timer(100)
g = gevent.spawn(waits, waited)
gevent.sleep(0)
hub.cancel_wait(waited, ValueError("closed"), close_watcher=True)
print("active:", flag(waited.active))
g.join()
print("active:", flag(waited.active))
