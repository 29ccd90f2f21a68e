"""A kill of a greenlet that has only yielded comes in turn: if it is woken before, it goes on."""

import gevent

from common import flag


def worker(label):
    try:
        for n in range(3):
            print(f"{label}{n}")
            gevent.sleep(0)
    except gevent.GreenletExit:
        print(f"{label} is killed")
        gevent.sleep(0)
        print(f"{label} goes")


a = gevent.spawn(worker, "a")
b = gevent.spawn(worker, "b")
gevent.sleep(0)
print("kill a")
a.kill(block=False)
print(flag(a.dead))
gevent.sleep(0)
print("kill b")
b.kill()
print(flag(a.dead), flag(b.dead))
