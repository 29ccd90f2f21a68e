"""What the other side ends is an end here; what was ended here cannot be used any more."""

import gevent
from gevent import socket
from gevent.socket import SHUT_RD, SHUT_RDWR, SHUT_WR

from common_sockets import connection, says, undisturbed, waits

undisturbed()


def both(what, pair):
    a, b = pair()
    reader = waits(f"{what} reader", b, lambda s: s.recv(10))
    gevent.sleep(0)
    a.shutdown(SHUT_WR)
    reader.join()
    says("the end again", lambda: b.recv(10))
    says("to the half-open", lambda: b.sendall(b"answer"))
    says("half-open", lambda: a.recv(10))
    says("ended here", lambda: a.send(b"x"))
    says("twice", lambda: a.shutdown(SHUT_WR))
    b.shutdown(SHUT_RDWR)
    says("other end", lambda: a.recv(10))
    says("both ended", lambda: b.send(b"x"))
    says("both ended", lambda: b.recv(10))


both("tcp", connection)
both("unix", socket.socketpair)

# The data that are there come before the end.
a, b = connection()
a.sendall(b"data")
b.shutdown(SHUT_RD)
says("read", lambda: b.recv(10))
says("read", lambda: b.recv(10))
says("not connected", lambda: socket.socket().shutdown(SHUT_RDWR))
a.close()
says("closed", lambda: a.shutdown(SHUT_RDWR))
