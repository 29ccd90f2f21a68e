"""cancel_waits_close_and_then ends all waits, then calls back; without waits it does so at once."""

import gevent

from common import name

hub = gevent.get_hub()


def waits(label, watcher):
    try:
        hub.wait(watcher)
    except ValueError as error:
        print(f"{label}: {name(error)}")


hub.cancel_waits_close_and_then([hub.loop.timer(100)], ValueError, print, "then, at once")
print("nobody waited")

timers = [hub.loop.timer(100) for _ in range(3)]
greenlets = [gevent.spawn(waits, label, timer) for label, timer in zip("abc", timers)]
gevent.sleep(0)
hub.cancel_waits_close_and_then(timers, ValueError, print, "then, after them")
print("cancelled")
gevent.joinall(greenlets)
