"""wait_on_watcher allows one waiter at a time, with a time limit."""

import gevent
from gevent.exceptions import ConcurrentObjectUseError
from gevent.hub import get_hub

from common import flag, name

from gevent._hub_primitives import wait_on_watcher

hub = get_hub()


def waits(label, watcher, timeout):
    try:
        wait_on_watcher(watcher, timeout, gevent.Timeout())
        print(f"{label}: fired")
    except gevent.Timeout:
        print(f"{label}: timed out")
    except ConcurrentObjectUseError as error:
        print(f"{label}: {name(error)}")
    print(f"{label}: active={flag(watcher.active)}")


timer = hub.loop.timer(0.05)
greenlets = [gevent.spawn(waits, "a", timer, None), gevent.spawn(waits, "b", timer, None)]
gevent.joinall(greenlets)
waits("c", hub.loop.timer(100), 0.001)
waits("d", hub.loop.timer(0.001), 100)
waits("e", hub.loop.timer(100), 0)
