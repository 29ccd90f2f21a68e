"""Several greenlets in one poll object, which is changed meanwhile; kills and timeouts."""

from gevent import socket

import gevent
from gevent.select import POLLIN, poll

a, b = socket.socketpair()
c, d = socket.socketpair()
p = poll()
names = {a.fileno(): "a", c.fileno(): "c"}


def waits(name, timeout=None):
    try:
        ready = p.poll(timeout)
        print(name, " ".join(sorted(names[fd] for fd, _ in ready)) or "nothing")
    except gevent.GreenletExit:
        print(name, "killed")


p.register(a, POLLIN)
gs = [gevent.spawn(waits, "one"), gevent.spawn(waits, "two"), gevent.spawn(waits, "three")]
gevent.sleep(0)
p.register(c, POLLIN)
p.unregister(a)
late = gevent.spawn(waits, "late")
gevent.sleep(0)
gs[1].kill()
d.send(b"x")
late.join()
b.send(b"x")
gevent.joinall(gs)
a.recv(1)
c.recv(1)

p.register(a, POLLIN)
g = gevent.spawn(waits, "both")
gevent.sleep(0)
b.send(b"x")
d.send(b"x")
g.join()
a.recv(1)
c.recv(1)

waits("time", 1)
try:
    with gevent.Timeout(0.001):
        waits("never")
except gevent.Timeout:
    print("timeout")
for s in a, b, c, d:
    s.close()
