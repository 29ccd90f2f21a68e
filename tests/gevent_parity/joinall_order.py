"""joinall returns the greenlets in the order of their ends, the ones that had ended first."""

import gevent


def worker(name, seconds):
    gevent.sleep(seconds)
    print(f"{name} ends")
    return name


a = gevent.spawn(worker, "a", 0.06)
b = gevent.spawn(worker, "b", 0.03)
c = gevent.spawn(worker, "c", 0)
d = gevent.spawn(worker, "d", 0.001)
d.join()
c.join()
done = gevent.joinall([a, b, c, d])
print(" ".join(g.value for g in done))
print(len(gevent.joinall([])))
print(" ".join(g.value for g in gevent.joinall([b, a, b])))
