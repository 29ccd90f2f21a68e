"""detach takes the descriptor away: the socket is as if closed, the connection goes on."""

import os

import gevent
from gevent import socket

from common import flag
from common_sockets import connection, says, undisturbed, waits

undisturbed()

client, server = connection()
fd = client.detach()
print("fileno:", client.fileno())
says("recv", lambda: client.recv(10))
says("send", lambda: client.send(b"x"))
client.close()
print("close: done")
again = socket.socket(fileno=fd)
print("the same:", flag((again.family, again.type, again.proto) == (socket.AF_INET, socket.SOCK_STREAM, 6)))
server.sendall(b"data")
says("again", lambda: again.recv(10))

# Who waits gets an error.
reader = waits("reader", again, lambda s: s.recv(10))
gevent.sleep(0)
fd = again.detach()
print("detached")
reader.join()
third = socket.socket(fileno=fd)
server.sendall(b"more")
says("third", lambda: third.recv(10))
third.close()
says("the end", lambda: server.recv(10))

# A descriptor of the system.
reader, writer = socket.socketpair()
fd = writer.detach()
os.write(fd, b"written")
says("read", lambda: reader.recv(10))
os.close(fd)
says("read", lambda: reader.recv(10))
