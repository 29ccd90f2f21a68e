"""socketpair and fromfd."""

import gevent
from gevent import socket
from gevent.socket import AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM

from common import flag
from common_sockets import says, undisturbed, waits

undisturbed()

a, b = socket.socketpair()
print("unix:", flag(a.family == AF_UNIX), flag(b.type == SOCK_STREAM), a.proto, a.gettimeout())
print("no names:", flag(a.getsockname() == ""), flag(a.getpeername() == ""))
print("closed on exec:", flag(not a.get_inheritable()))
reader = waits("reader", b, lambda s: s.recv(10))
gevent.sleep(0)
a.sendall(b"hello")
reader.join()

copy = socket.fromfd(a.fileno(), AF_UNIX, SOCK_STREAM)
print("another number:", flag(copy.fileno() != a.fileno()), flag(not copy.get_inheritable()))
a.close()
says("copy", lambda: copy.send(b"from the copy"))
says("recv", lambda: b.recv(20))
copy.close()
says("the end", lambda: b.recv(20))

# What it is is believed, until it is used.
a, b = socket.socketpair()
wrong = socket.fromfd(a.fileno(), AF_INET, SOCK_DGRAM)
print("believed:", flag(wrong.family == AF_INET), flag(wrong.type == SOCK_DGRAM))
says("send", lambda: wrong.send(b"works"))
says("recv", lambda: b.recv(20))

one, two = socket.socketpair(AF_UNIX, SOCK_DGRAM)
says("send", lambda: one.send(b"first"))
says("send", lambda: one.send(b"second"))
says("recv", lambda: two.recv(20))
says("recv", lambda: two.recv(3))
says("no such pair", lambda: socket.socketpair(AF_INET, SOCK_STREAM))

# Both sides at once.
a, b = socket.socketpair()
both = [waits("a", a, lambda s: s.recv(10)), waits("b", b, lambda s: s.recv(10))]
gevent.sleep(0)
a.sendall(b"for b")
b.sendall(b"for a")
gevent.joinall(both)
a.close()
both = [waits("a", a, lambda s: s.recv(10)), waits("b", b, lambda s: s.recv(10))]
gevent.joinall(both)
