"""joinall returns the greenlets in the order of their ends, those that had ended before first."""

import gevent
from gevent.event import Event


go_on = Event()


def worker(name, wait, *arguments):
    wait(*arguments)
    print(f"{name} ends")
    return name


a = gevent.spawn(worker, "a", lambda: b.join())
b = gevent.spawn(worker, "b", go_on.wait)
c = gevent.spawn(worker, "c", gevent.sleep, 0)
d = gevent.spawn(worker, "d", gevent.sleep, 0.001)
d.join()
c.join()
go_on.set()
done = gevent.joinall([a, b, c, d])
print(" ".join(g.value for g in done))
print(len(gevent.joinall([])))
print(" ".join(g.value for g in gevent.joinall([b, a, b])))
