"""Greenlets that join another one go on in the order in which they came, among its links."""

import gevent


def worker():
    print("worker begins")
    gevent.sleep(0)
    print("worker ends")


def joiner(name):
    print(f"{name} joins")
    g.join()
    print(f"{name} goes on")


g = gevent.spawn(worker)
gevent.spawn(joiner, "a")
g.rawlink(lambda source: print("link before b and main"))
gevent.spawn(joiner, "b")
gevent.sleep(0)
g.rawlink(lambda source: print("link after a and b"))
g.join()
print("main goes on")
g.join()
print("main joins again, without a wait")
