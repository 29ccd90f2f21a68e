"""Several greenlets in a selector's select: one of them gets the events. Changes meanwhile, kills and timeouts."""

from gevent import socket

import gevent
from gevent.selectors import EVENT_READ, GeventSelector

a, b = socket.socketpair()
c, d = socket.socketpair()
s = GeventSelector()


def waits(name, timeout=None):
    try:
        ready = s.select(timeout)
        print(name, " ".join(key.data for key, _ in ready) or "nothing")
    except gevent.GreenletExit:
        print(name, "killed")


s.register(a, EVENT_READ, "a")
gs = [gevent.spawn(waits, name) for name in ("one", "two", "three")]
gevent.sleep(0)
gs[0].kill()
b.send(b"x")
gevent.joinall(gs)
a.recv(1)

g = gevent.spawn(waits, "meanwhile", 30)
gevent.sleep(0)
s.register(c, EVENT_READ, "c")
d.send(b"x")
gevent.sleep(0.001)
print("ready" if g.ready() else "not ready")
b.send(b"x")
g.join()
a.recv(1)
waits("then")
c.recv(1)

g = gevent.spawn(waits, "gone", 30)
gevent.sleep(0)
s.unregister(a)
b.send(b"x")
gevent.sleep(0.001)
print("ready" if g.ready() else "not ready")
d.send(b"x")
g.join()

try:
    with gevent.Timeout(0.001):
        c.recv(1)
        waits("never")
except gevent.Timeout:
    print("timeout")
d.send(b"x")
gevent.sleep(0.001)
waits("after")
s.close()
for x in a, b, c, d:
    x.close()
