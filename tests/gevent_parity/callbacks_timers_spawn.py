"""Queued callbacks, spawned greenlets and sleep(0) share one queue; timers come after it."""

import gevent

hub = gevent.get_hub()
loop = hub.loop


def worker(name):
    print(f"{name} begins")
    gevent.sleep(0)
    print(f"{name} after sleep(0)")
    gevent.sleep(0.001)
    print(f"{name} after sleep(0.001)")


def callback(name):
    print(f"callback {name}")
    loop.run_callback(print, f"callback queued by {name}")


timer = loop.timer(0)
timer.start(print, "timer")
loop.run_callback(callback, "1")
a = gevent.spawn(worker, "a")
loop.run_callback(callback, "2")
b = gevent.spawn(worker, "b")
print("main blocks")
gevent.sleep(0)
print("main after sleep(0)")
gevent.joinall([a, b])
