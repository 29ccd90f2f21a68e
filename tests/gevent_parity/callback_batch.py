"""Callbacks run in batches of 50: if the switch interval is over, timers run between two batches."""

import time

import gevent
from gevent.hub import Waiter

loop = gevent.get_hub().loop
waiter = Waiter()
gevent.setswitchinterval(0.0001)
count = 0


def callback():
    global count
    count += 1
    if count % 50 == 0:
        time.sleep(0.001)


def tick():
    print(f"timer after {count}")


for _ in range(120):
    loop.run_callback(callback)
timer = loop.timer(0.0001, 0.0001)
timer.start(tick)
loop.run_callback(print, "the last callback")
loop.run_callback(timer.stop)
loop.run_callback(waiter.switch, None)
waiter.get()
print(f"{count} callbacks")
gevent.sleep(0.001)

gevent.setswitchinterval(100)
count = 0
timer = loop.timer(0)
timer.start(tick)
for _ in range(120):
    loop.run_callback(callback)
gevent.sleep(0.01)
