"""idle goes on when nothing else is to be done: callbacks, and events of its priority, come first."""

import gevent

loop = gevent.get_hub().loop


def idler(name, priority):
    gevent.idle(priority)
    print(f"{name} was idle")


def busy(name):
    for i in range(3):
        print(f"{name} {i}")
        gevent.sleep(0)


low = gevent.spawn(idler, "low", -1)
normal = gevent.spawn(idler, "normal", 0)
high = gevent.spawn(idler, "high", 1)
timer = loop.timer(0)
timer.start(print, "timer")
gevent.joinall([low, normal, high, gevent.spawn(busy, "a"), gevent.spawn(busy, "b")])
