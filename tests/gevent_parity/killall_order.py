"""killall throws into all greenlets in one callback, in their order, and waits for those that end later."""

import gevent

from common import flag


def worker(name, seconds):
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        print(f"{name} is killed")
        gevent.sleep(seconds)
    print(f"{name} ends")


a = gevent.spawn(worker, "a", 0.01)
b = gevent.spawn(worker, "b", 0)
c = gevent.spawn(worker, "c", 0.05)
gevent.sleep(0)
d = gevent.spawn(worker, "d", 0)
d.rawlink(lambda source: print("link of d, which never ran"))
gevent.get_hub().loop.run_callback(print, "callback before")
gevent.killall([d, c, b, a])
print(" ".join(flag(g.dead) for g in (a, b, c, d)))
