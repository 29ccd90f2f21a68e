"""Timers of no time, repeating timers and callbacks: which comes first, in the same iteration of the loop."""

import gevent

from common import flag

hub = gevent.get_hub()
loop = hub.loop


def tick():
    ticks.append(len(ticks))
    print(f"tick {len(ticks)}")
    if len(ticks) == 3:
        repeating.stop()


ticks = []
once = loop.timer(0)
repeating = loop.timer(0, 0.01)
once.start(print, "once")
repeating.start(tick)
loop.run_callback(print, "callback")
gevent.spawn(print, "greenlet")
print(f"active {flag(once.active)} {flag(repeating.active)}")
gevent.sleep(0)
print("main has slept")
hub.join()
print(f"active {flag(once.active)} {flag(repeating.active)}")

past = loop.timer(-1)
past.start(print, "past")
once.start(print, "once more")
hub.join()
once.again(print, "never")
print(f"again without a repeat: {flag(once.active)}")
hub.join()
