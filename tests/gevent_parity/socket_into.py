"""Receiving into a buffer: how much of it is written."""

from gevent import socket
from gevent.socket import AF_UNIX, MSG_PEEK, SOCK_DGRAM

from common_sockets import says, undisturbed

undisturbed()

a, b = socket.socketpair()
place = bytearray(b"........")
a.sendall(b"one")
says("recv_into", lambda: b.recv_into(place))
print(place.decode())
a.sendall(b"a long text")
says("recv_into", lambda: b.recv_into(place))
print(place.decode())
says("recv_into", lambda: b.recv_into(memoryview(place)[:2]))
print(place.decode())
says("recvfrom_into", lambda: b.recvfrom_into(memoryview(place)[4:])[0])
print(place.decode())
says("empty", lambda: b.recv_into(bytearray()))
a.sendall(b"peek")
says("peek", lambda: b.recv_into(place, 0, MSG_PEEK))
says("recv", lambda: b.recv(2))
says("peek", lambda: b.recvfrom_into(place, 0, MSG_PEEK)[0])
print(place.decode())
says("recv", lambda: b.recv(100))
a.close()
says("the end", lambda: b.recv_into(place))
says("the end", lambda: b.recvfrom_into(place)[0])

a, b = socket.socketpair(AF_UNIX, SOCK_DGRAM)
place = bytearray(b"........")
a.send(b"a long datagram")
a.send(b"next")
says("recv_into", lambda: b.recv_into(place))
print(place.decode())
says("recvfrom_into", lambda: b.recvfrom_into(memoryview(place)[:3])[0])
print(place.decode())
a.send(b"kept")
says("empty", lambda: b.recv_into(bytearray()))
says("recv", lambda: b.recv(10))
a.send(b"lost")
a.send(b"last")
says("empty", lambda: b.recvfrom_into(bytearray())[0])
says("recv", lambda: b.recv(10))
