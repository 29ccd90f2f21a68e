"""Datagrams: their addresses, their bounds, and the answer that nobody is there."""

import gevent
from gevent import socket
from gevent.socket import AF_INET, MSG_PEEK, SOCK_DGRAM

from common import flag
from common_sockets import says, undisturbed, waits

undisturbed()


def udp():
    sock = socket.socket(AF_INET, SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


a, b = udp(), udp()
reader = waits("recvfrom", b, lambda s: s.recvfrom(100)[1] == a.getsockname())
gevent.sleep(0)
says("sendto", lambda: a.sendto(b"hello", b.getsockname()))
reader.join()

# One datagram at a time; what does not fit is lost.
for text in b"one", b"", b"three and more", b"four":
    a.sendto(text, b.getsockname())
says("recv", lambda: b.recv(100))
says("recv", lambda: b.recv(100))
says("peek", lambda: b.recv(5, MSG_PEEK))
says("recv", lambda: b.recv(5))
says("recv", lambda: b.recv(5))
a.sendto(b"nothing wanted", b.getsockname())
says("recv of 0", lambda: b.recv(0))
says("recvfrom of 0", lambda: b.recvfrom(0)[0])
b.setblocking(False)
says("nothing left", lambda: b.recv(100))
b.setblocking(True)

# Connected, it hears and sends to one only.
says("send", lambda: a.send(b"where to?"))
a.connect(b.getsockname())
print("peer:", flag(a.getpeername() == b.getsockname()))
says("send", lambda: a.send(b"to you"))
says("recvfrom", lambda: b.recvfrom(100)[0])
third = udp()
third.sendto(b"not heard", a.getsockname())
b.sendto(b"heard", a.getsockname())
says("recv", lambda: a.recv(100))
says("too long", lambda: a.send(bytes(70_000)))

# Nobody is there any more: the next call is told, or who waits.
b.close()
says("send", lambda: a.send(b"x"))
says("recv", lambda: a.recv(10))
reader = waits("reader", a, lambda s: s.recv(10))
gevent.sleep(0)
says("send", lambda: a.send(b"x"))
reader.join()
says("send", lambda: a.send(b"x"))
says("send", lambda: a.send(b"x"))
says("not a listener", lambda: a.listen(1))
says("not a listener", lambda: a.accept())
reader = waits("closed", third, lambda s: s.recvfrom(10)[0])
gevent.sleep(0)
third.close()
reader.join()
