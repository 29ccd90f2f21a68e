"""hub.join waits for all greenlets, timers and callbacks, or until its time is over."""

import gevent

from common import flag

hub = gevent.get_hub()


def worker(name, seconds):
    gevent.sleep(seconds)
    print(f"{name} ends")


print(f"nothing to do: {flag(hub.join())}")
print(f"nothing to do, timeout: {flag(hub.join(timeout=100))}")
gevent.spawn(worker, "a", 0.01)
gevent.spawn(worker, "b", 0)
hub.loop.run_callback(print, "callback")
print(f"all: {flag(hub.join())}")
c = gevent.spawn(worker, "c", 0.3)
print(f"timeout=0: {flag(hub.join(timeout=0))}")
print(f"timeout=0.001: {flag(hub.join(timeout=0.001))}")
print(f"timeout=100: {flag(hub.join(timeout=100))}")
unref = hub.loop.timer(100, ref=False)
unref.start(print, "never printed")
print(f"an unref'd timer does not count: {flag(hub.join())}")
unref.stop()
