"""A selector returns what has come, in its order, also what has come while nobody asked."""

from gevent import socket

import gevent
from gevent.selectors import EVENT_READ, EVENT_WRITE, GeventSelector

pairs = [socket.socketpair() for _ in range(4)]
s = GeventSelector()
for n, (here, _) in enumerate(pairs):
    s.register(here, EVENT_READ, n)


def show(timeout=None):
    print(" ".join(f"{key.data}:{events}" for key, events in s.select(timeout)) or "nothing")


def send(*which):
    for n in which:
        pairs[n][1].send(b"x")


def empty(*which):
    for n in which:
        pairs[n][0].recv(1)


show(0)
show(-1)
show(0.001)
send(2)
show()
show()
empty(2)
show(0)
for order in (0, 3, 1), (2, 1):
    for n in order:
        send(n)
        gevent.sleep(0.001)
    show()
    empty(*order)
    show(0)

g = gevent.spawn(show)
gevent.sleep(0)
send(1, 3, 0)
g.join()
empty(1, 3, 0)
show(0)

s.modify(pairs[2][0], EVENT_READ | EVENT_WRITE, "two")
show()
send(2)
show()
show()
s.modify(pairs[2][0], EVENT_WRITE, "two")
show()
s.modify(pairs[2][0], EVENT_READ, "two")
show()
empty(2)
send(0)
gevent.sleep(0.001)
s.unregister(pairs[0][0])
show(0)
s.register(pairs[0][0], EVENT_READ, "again")
show()
other = gevent.spawn(print, "other")
show()
print("true" if other.ready() else "false")
s.close()
for here, there in pairs:
    here.close()
    there.close()
