"""What a poll object returns: of the events of its mask those that are there, and POLLNVAL; its changes."""

import os
from gevent import socket

import gevent
from gevent.select import POLLIN, POLLNVAL, POLLOUT, POLLPRI, poll

a, b = socket.socketpair()
p = poll()
names = {a.fileno(): "a", b.fileno(): "b"}


def show(timeout=None):
    print(" ".join(sorted(f"{names[fd]}:{events}" for fd, events in p.poll(timeout))))


p.register(a)
show()
p.register(a, POLLIN)
show(1)
b.send(b"x")
show()
p.modify(a, POLLIN | POLLOUT)
show()
p.register(a, POLLOUT | POLLPRI)
show()
p.modify(b, POLLIN)  # it registers
p.register(a, POLLIN)
show()
a.send(b"x")
show(-1)
p.unregister(a)
show()
try:
    p.unregister(a)
except KeyError:
    print("KeyError")
b.recv(1)
show(0)

other = gevent.spawn(lambda: print("other"))
show(0)
print("true" if other.ready() else "false")
b.close()
p.register(a, POLLIN | POLLOUT)
fd = os.dup2(a.fileno(), 500)
names[fd] = "c"
os.close(fd)
p = poll()
p.register(fd, POLLIN)
show(0)
print(POLLNVAL)
try:
    p.register(-1, POLLIN)
except ValueError:
    print("ValueError")
a.close()
