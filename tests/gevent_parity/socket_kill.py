"""A greenlet can be killed in each call of a socket, which goes on without it."""

import gevent
from gevent import socket

from common_sockets import connection, drain, fill, listener, says, undisturbed, waits

undisturbed()


def kills(what, sock, call):
    waiting = waits(what, sock, call)
    gevent.sleep(0)
    waiting.kill()


client, server = connection()
kills("recv", client, lambda s: s.recv(10))
kills("recv_into", client, lambda s: s.recv_into(bytearray(10)))
kills("recvfrom", client, lambda s: s.recvfrom(10)[0])
kills("recvfrom_into", client, lambda s: s.recvfrom_into(bytearray(10))[0])
kills("peek", client, lambda s: s.recv(10, socket.MSG_PEEK))
kills("makefile", client, lambda s: s.makefile("rb").read())
server.sendall(b"data")
says("recv", lambda: client.recv(10))

a, b = socket.socketpair()
fill(a)
kills("send", a, lambda s: s.send(b"x"))
kills("sendall", a, lambda s: s.sendall(b"x"))
drain(b)
says("send", lambda: a.send(b"x"))
says("recv", lambda: b.recv(10))

server = listener()
kills("accept", server, lambda s: s.accept()[0])
client = socket.create_connection(server.getsockname())
client.sendall(b"hello")
says("accept", lambda: server.accept()[0].recv(10))

# Killed when the data have come already: they are for the next one.
client, server = connection()
reader = waits("late", client, lambda s: s.recv(10))
gevent.sleep(0)
server.sendall(b"data")
reader.kill()
says("the next one", lambda: client.recv(10))

# Killed before it has begun.
reader = waits("never", client, lambda s: s.recv(10))
reader.kill()
server.sendall(b"more")
says("the next one", lambda: client.recv(10))
