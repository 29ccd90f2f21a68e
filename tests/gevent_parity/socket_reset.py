"""A connection that is reset: each side learns it once, and then it is over."""

import struct

import gevent
from gevent import socket

from common_sockets import connection, says, undisturbed, waits

undisturbed()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


client, server = connection()
reader = waits("reader", server, lambda s: s.recv(10))
gevent.sleep(0)
reset(client)
reader.join()
says("recv", lambda: server.recv(10))
says("send", lambda: server.send(b"x"))
says("getpeername", lambda: server.getpeername())
says("shutdown", lambda: server.shutdown(socket.SHUT_RDWR))

client, server = connection()
reset(client)
says("send", lambda: server.send(b"x"))
says("recv", lambda: server.recv(10))
says("send", lambda: server.send(b"x"))

# Data that have come before can still be read.
client, server = connection()
client.sendall(b"data")
reset(client)
says("recv", lambda: server.recv(10))
says("recv", lambda: server.recv(10))

# Closing with data that nobody has read resets, too.
client, server = connection()
client.sendall(b"unread")
reader = waits("reader", client, lambda s: s.recv(10))
gevent.sleep(0)
server.close()
reader.join()

# Both who wait are woken; the error is for one of them.
client, server = connection()
first = waits("first", server, lambda s: s.recv(10))
copy = server.dup()
second = waits("second", copy, lambda s: s.recv(10))
gevent.sleep(0)
reset(client)
gevent.joinall([first, second])
file = server.makefile("rb")
says("file", file.read)
