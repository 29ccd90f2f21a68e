"""Events of one iteration: the higher priority comes first, then the event that was due first."""

import gevent

loop = gevent.get_hub().loop
timers = []
for priority in -2, 0, 2, -1, 1, 0:
    timer = loop.timer(0, priority=priority)
    timer.start(print, f"timer {len(timers)} of priority {priority}")
    timers.append(timer)
loop.run_callback(print, "callback")
gevent.sleep(0.01)
# On a slow machine this is still their iteration.
gevent.sleep(0)

try:
    running = loop.timer(100)
    running.start(print, "never printed")
    running.priority = 1
except (AttributeError, ValueError):
    print("refused while active")
running.stop()
running.priority = 1
print(running.priority)
