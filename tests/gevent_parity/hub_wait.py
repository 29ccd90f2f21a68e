"""hub.wait parks until the watcher fires, and stops it however the wait ends."""

import gevent

from common import flag

hub = gevent.get_hub()


def waits(watcher):
    try:
        hub.wait(watcher)
        print("fired")
    finally:
        print(f"active={flag(watcher.active)}")


timer = hub.loop.timer(0.001)
waits(timer)
waits(hub.loop.timer(0))
slow = hub.loop.timer(100)
g = gevent.spawn(waits, slow)
gevent.sleep(0)
print(f"waits, active={flag(slow.active)}")
g.kill()
repeating = hub.loop.timer(0.001, 0.001)
waits(repeating)
waits(repeating)
