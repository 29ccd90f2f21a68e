"""Calls in states in which they cannot be."""

from gevent import socket
from gevent.socket import AF_INET, AF_UNIX, SHUT_RDWR, SOCK_DGRAM, SOCK_STREAM

from common import flag
from common_sockets import connection, listener, number_name, says, undisturbed

undisturbed()

fresh = socket.socket()
print("unbound:", flag(fresh.getsockname() == ("0.0.0.0", 0)))
says("getpeername", fresh.getpeername)
says("recv", lambda: fresh.recv(10))
says("recvfrom", lambda: fresh.recvfrom(10))
says("send", lambda: fresh.send(b"x"))
says("sendall", lambda: fresh.sendall(b"x"))
says("accept", lambda: fresh.accept())
says("shutdown", lambda: fresh.shutdown(SHUT_RDWR))
fresh.bind(("127.0.0.1", 0))
says("bind twice", lambda: fresh.bind(("127.0.0.1", 0)))
says("accept", lambda: fresh.accept())
says("another's address", lambda: socket.socket().bind(fresh.getsockname()))

server = listener()
says("listen twice", lambda: server.listen(1))
says("recv", lambda: server.recv(10))
says("send", lambda: server.send(b"x"))
says("getpeername", server.getpeername)

client, accepted = connection()
print("names:", flag(client.getpeername() == accepted.getsockname()), flag(accepted.getpeername() == client.getsockname()))
says("listen", lambda: client.listen(1))
says("bind", lambda: client.bind(("127.0.0.1", 0)))
says("sendto", lambda: client.sendto(b"x", server.getsockname()))
client.setblocking(False)
says("connect", lambda: client.connect(server.getsockname()))
says("connect_ex", lambda: number_name(client.connect_ex(server.getsockname())))

udp = socket.socket(AF_INET, SOCK_DGRAM)
says("udp send", lambda: udp.send(b"x"))
says("udp getpeername", udp.getpeername)
says("udp shutdown", lambda: udp.shutdown(SHUT_RDWR))
unix = socket.socket(AF_UNIX, SOCK_STREAM)
says("unix recv", lambda: unix.recv(10))
says("unix listen", lambda: unix.listen(1))
says("unix accept", lambda: unix.accept())
says("unix send", lambda: unix.send(b"x"))
says("no such kind", lambda: socket.socket(AF_UNIX, 77))
says("no such family", lambda: socket.socket(77, SOCK_STREAM))
