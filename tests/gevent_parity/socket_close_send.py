"""Closing a socket gives EBADF to those who send, and to the reader beside them."""

import gevent
from gevent import socket

from common import flag
from common_sockets import drain, fill, says, undisturbed, waits

undisturbed()

for what, call in [
    ("send", lambda s: s.send(b"more")),
    ("sendall", lambda s: s.sendall(b"more")),
    ("sendall of much", lambda s: s.sendall(bytes(10_000_000))),
]:
    a, b = socket.socketpair()
    fill(a)
    sender = waits(what, a, call)
    gevent.sleep(0)
    a.close()
    print("closed")
    sender.join()
    says("again", lambda: call(a))
    print("received:", flag(drain(b) > 0))
    says("the end", lambda: b.recv(10))

a, b = socket.socketpair()
fill(a)
sender = waits("sender", a, lambda s: s.send(b"more"))
reader = waits("reader", a, lambda s: s.recv(10))
gevent.sleep(0)
a.close()
gevent.joinall([sender, reader])

# What was sent stays, whoever closes.
a, b = socket.socketpair()
a.sendall(b"last words")
a.close()
says("received", lambda: b.recv(20))
says("the end", lambda: b.recv(20))
says("to nobody", lambda: b.send(b"x"))
