"""cancel_wait throws, soon, into the greenlet that waits for a watcher, if it still waits then."""

import gevent

from common import flag, name

hub = gevent.get_hub()


def waits(label, watcher):
    try:
        hub.wait(watcher)
        print(f"{label}: fired")
    except ValueError as error:
        print(f"{label}: {name(error)} {error}")
    print(f"{label}: active={flag(watcher.active)}")


nobodys = hub.loop.timer(100)
hub.cancel_wait(nobodys, ValueError("nobody gets it"))

a, b = hub.loop.timer(100), hub.loop.timer(100)
greenlets = [gevent.spawn(waits, "a", a), gevent.spawn(waits, "b", b)]
gevent.sleep(0)
hub.loop.run_callback(print, "callback before")
hub.cancel_wait(a, ValueError("cancelled"))
hub.loop.run_callback(print, "callback after")
greenlets[1].kill(block=False)
hub.cancel_wait(b, ValueError("too late"))
print("cancelled")
gevent.joinall(greenlets)
